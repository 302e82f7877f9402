//! The layers, executed: which crate may depend directly on which others.
//!
//! Transitive trees are no witness, as features are unified across the workspace.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Per crate: its own crates, then foreign ones.
const ALLOWED: &[(&str, &[&str], &[&str])] = &[
    (
        "domain",
        &[],
        &[
            "emojis",
            "icu_properties",
            "sha2",
            "thiserror",
            "unicase",
            "unicode-normalization",
            "unicode-properties",
        ],
    ),
    (
        "application",
        &["domain"],
        &["async-trait", "futures-util", "sha2", "thiserror", "tokio", "tracing"],
    ),
    ("memory", &["application", "domain"], &["async-trait", "tokio"]),
    (
        "persistence",
        &["application", "domain"],
        &[
            "async-trait",
            "crossbeam-channel",
            "diesel",
            "diesel-async",
            "diesel_migrations",
            "futures-util",
            "deadpool",
            "libsqlite3-sys",
            "rustls",
            "rustls-native-certs",
            "thiserror",
            "tokio",
            "tokio-postgres",
            "tokio-postgres-rustls",
            "tracing",
            "url",
        ],
    ),
    (
        "credentials",
        &["application", "domain"],
        &[
            "async-trait",
            "base64",
            "bcrypt",
            "crossbeam-channel",
            "hmac",
            "jsonwebtoken",
            "pbkdf2",
            "serde",
            "serde_json",
            "sha2",
            "subtle",
            "thiserror",
            "tokio",
            "tracing",
        ],
    ),
    (
        "http-adapter",
        &["application", "domain"],
        &[
            "actix-codec",
            "actix-http",
            "actix-service",
            "actix-web",
            "actix-ws",
            "async-trait",
            "base64",
            "bytes",
            "bytestring",
            "form_urlencoded",
            "futures-util",
            "ipnet",
            "multer",
            "percent-encoding",
            "rust-embed",
            "serde",
            "serde_json",
            "serde_path_to_error",
            "serde_urlencoded",
            "sha2",
            "slab",
            "socket2",
            "thiserror",
            "time",
            "tokio",
            "tracing",
            "utoipa",
            "utoipa-swagger-ui",
            "uuid",
        ],
    ),
    (
        "server",
        &[
            "application",
            "credentials",
            "domain",
            "http-adapter",
            "memory",
            "messaging",
            "persistence",
        ],
        &[
            "actix-web",
            "anyhow",
            "clap",
            "config",
            "dotenvy",
            "getrandom",
            "ipnet",
            "rpassword",
            "rustix",
            "serde",
            "serde_json",
            "serde_path_to_error",
            "socket2",
            "thiserror",
            "time",
            "tokio",
            "tracing",
            "tracing-subscriber",
            "url",
            "uuid",
        ],
    ),
    (
        "messaging",
        &["application", "domain"],
        &[
            "async-trait",
            "deadpool-redis",
            "redis",
            "rustls",
            "serde",
            "serde_json",
            "thiserror",
            "tokio",
            "tracing",
        ],
    ),
    (
        "loadgen",
        &[],
        &[
            "anyhow",
            "bcrypt",
            "clap",
            "futures-util",
            "hdrhistogram",
            "memchr",
            "reqwest",
            "rustix",
            "serde",
            "serde_json",
            "tempfile",
            "tokio",
            "tokio-tungstenite",
        ],
    ),
    ("testkit", &["application", "domain"], &["async-trait", "futures-util", "proptest", "tokio"]),
];

#[test]
fn every_crate_depends_only_on_what_its_layer_allows() {
    let crates = direct_dependencies();
    let known: BTreeSet<&str> = ALLOWED.iter().map(|(name, ..)| *name).collect();
    let found: BTreeSet<&str> = crates.keys().map(String::as_str).collect();
    assert_eq!(found, known, "each crate of the workspace has its row, and each row its crate");

    let mut trespasses = Vec::new();
    for (name, own, foreign) in ALLOWED {
        for dependency in &crates[*name] {
            if !own.contains(&dependency.as_str()) && !foreign.contains(&dependency.as_str()) {
                trespasses.push(format!("{name} must not depend on {dependency}"));
            }
        }
    }
    assert!(trespasses.is_empty(), "{trespasses:#?}");
}

#[test]
fn testkit_is_never_shipped() {
    for (name, dependencies) in direct_dependencies() {
        assert!(!dependencies.contains("testkit"), "{name} ships testkit");
    }
}

/// Direct dependencies of every crate here, without those of its tests.
fn direct_dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let packages = metadata["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap();
            let shipped = dependencies.iter().filter(|dependency| dependency["kind"] != "dev");
            (text(&package["name"]), shipped.map(|dependency| text(&dependency["name"])).collect())
        })
        .collect()
}
