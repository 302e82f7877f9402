//! Redis over TLS.

use std::env;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use application::ports::BusEvent;
use messaging::RedisBus;
use tempfile::TempDir;
use testkit::RedisServer;

use crate::nodes::{expect_event, link};

/// Set in a second process that trusts the authority, because trusted
/// authorities are taken from the environment of the process.
const URL: &str = "TEST_ENCRYPTED_REDIS";

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_redis_is_used_if_its_authority_is_trusted() {
    if let Ok(url) = env::var(URL) {
        let (link, _task) = link(&url, 1);
        return expect_event(&RedisBus::new(link), &BusEvent::Reconnected).await;
    }
    let folder = tempfile::tempdir().unwrap();
    certificate(&folder);
    let redis = RedisServer::start_encrypted(folder.path()).await;

    let (link, task) = link(&redis.url(), 1);
    expect_event(&RedisBus::new(link), &BusEvent::Disconnected).await;
    assert!(!task.is_finished(), "it must keep trying");

    let name = "encryption::an_encrypted_redis_is_used_if_its_authority_is_trusted";
    let trusting = Command::new(env::current_exe().unwrap())
        .args(["--exact", name])
        .env(URL, redis.url())
        .env("SSL_CERT_FILE", folder.path().join("cert.pem"))
        .output()
        .unwrap();
    assert!(trusting.status.success(), "{}", String::from_utf8_lossy(&trusting.stdout));
    assert!(String::from_utf8_lossy(&trusting.stdout).contains("1 passed"));
}

/// Creates a self-signed certificate and its key.
fn certificate(folder: &TempDir) {
    let file = |name: &str| folder.path().join(name).into_os_string();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-nodes", "-days", "1", "-subj", "/CN=redis"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args([OsStr::new("-keyout"), &file("key.pem"), OsStr::new("-out"), &file("cert.pem")])
        .output()
        .expect("openssl has to be on the path");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    assert!(Path::new(&file("cert.pem")).exists());
}
