use std::{ffi::OsString, fs, os::unix::ffi::OsStringExt, path::Path, time::Duration};

use application::ports::Quota;

use super::{LogFormat, Mistake, Profile, Secret, Settings, Sources, StorageUrl};

fn with(env: &[(&str, &str)]) -> Result<Settings, Vec<Mistake>> {
    load(pairs(env), None)
}

fn load(
    env: impl IntoIterator<Item = (OsString, OsString)>,
    env_file: Option<&Path>,
) -> Result<Settings, Vec<Mistake>> {
    Sources::gather(env, env_file).settings()
}

fn pairs(env: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    env.iter().map(|(name, text)| (name.into(), text.into())).collect()
}

fn sqlite(path: &str) -> StorageUrl {
    StorageUrl::Sqlite(path.into())
}

/// The mistakes as they are printed.
fn printed(loaded: Result<Settings, Vec<Mistake>>) -> Vec<String> {
    loaded.err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn without_any_source_the_defaults_apply() {
    let settings = with(&[]).unwrap();

    assert_eq!(settings.profile, Profile::Default);
    assert_eq!(settings.http.bind.to_string(), "127.0.0.1:8000");
    assert_eq!(settings.http.trusted_proxies, []);
    assert_eq!(settings.auth.secret, None);
    assert_eq!(settings.auth.access_ttl, Duration::from_mins(30));
    assert_eq!(settings.auth.refresh_ttl, Duration::from_hours(90 * 24));
    assert_eq!(settings.auth.session_ttl, Duration::from_hours(365 * 24));
    assert_eq!(settings.auth.refresh_grace, Duration::from_secs(10));
    assert_eq!(settings.auth.bcrypt_cost, 12);
    assert!(!settings.auth.exact_names);
    assert_eq!(settings.compat.history_limit.map(usize::from), Some(500));
    assert_eq!(settings.compat.history_bytes.map(usize::from), Some(8 << 20));
    assert!(settings.compat.heal && settings.compat.coalesce);
    assert_eq!(settings.compat.utc_offset.whole_hours(), 3);
    assert_eq!(settings.limits.message_bytes, 256 << 10);
    assert_eq!(settings.limits.body_bytes, 5 << 20);
    let rules = settings.limits.rules.unwrap();
    assert_eq!(rules.messages_by_account, Quota::new(10, Duration::from_secs(1), 40));
    assert_eq!(rules.failed_sign_ins.longest, Duration::from_mins(15));
    let new_addresses = Quota::new(12, Duration::from_hours(1), 3);
    assert_eq!(rules.sign_ins_from_new_addresses, new_addresses);
    assert_eq!(rules.known_address, Duration::from_hours(90 * 24));
    assert_eq!(settings.storage.url, sqlite("data/chat.sqlite3"));
    assert_eq!(settings.storage.connections, 16);
    assert_eq!(settings.bus.redis_url, None);
    assert_eq!(settings.log.format, LogFormat::Human);
    assert_eq!(settings.socket.queue_hard_bytes, 1 << 20);
}

#[test]
fn the_parity_profile_lifts_limits_and_healing() {
    let settings = with(&[("CHAT_PROFILE", "parity")]).unwrap();

    assert_eq!(settings.profile, Profile::Parity);
    assert_eq!(settings.compat.history_limit, None);
    assert_eq!(settings.compat.history_bytes, None);
    assert!(!settings.compat.heal && !settings.compat.coalesce);
    assert_eq!(settings.auth.refresh_grace, Duration::ZERO);
    assert!(settings.auth.exact_names);
    assert_eq!(settings.limits.message_bytes, 8 << 20);
    assert_eq!(settings.limits.body_bytes, 64 << 20);
    assert_eq!(settings.limits.rules, None);
    assert_eq!(settings.auth.bcrypt_cost, 12);
}

#[test]
fn each_layer_outranks_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let env_file = folder.path().join(".env");
    fs::write(
        &env_file,
        "CHAT_PROFILE=parity\nCHAT__COMPAT__HEAL=yes\nCHAT__AUTH__BCRYPT_COST=5\nOTHER=1\n",
    )
    .unwrap();
    let env = pairs(&[("CHAT__AUTH__BCRYPT_COST", "6"), ("PATH", "/bin")]);

    let sources = Sources::gather(env, Some(&env_file));

    let got: Vec<String> = sources
        .entries()
        .filter(|(key, _)| {
            ["profile", "compat.heal", "compat.coalesce", "auth.bcrypt_cost", "http.bind"]
                .contains(key)
        })
        .map(|(key, entry)| format!("{key}={} {}", entry.text, entry.origin))
        .collect();
    assert_eq!(
        got,
        [
            "auth.bcrypt_cost=6 environment CHAT__AUTH__BCRYPT_COST",
            "compat.coalesce=false profile parity",
            "compat.heal=yes .env CHAT__COMPAT__HEAL",
            "http.bind=127.0.0.1:8000 default",
            "profile=parity .env CHAT_PROFILE",
        ]
    );
    assert!(sources.settings().unwrap().compat.heal);
}

#[test]
fn every_key_is_read_and_refuses_nonsense() {
    let sources = Sources::gather(pairs(&[]), None);
    // Any text is a valid folder.
    for (key, _) in sources.entries().filter(|(key, _)| *key != "data_dir") {
        let name = format!("CHAT__{}", key.replace('.', "__").to_uppercase());

        let mistakes = printed(with(&[(&name, "=!=")]));

        assert!(
            matches!(mistakes.as_slice(), [line] if line.starts_with(key) && line.contains(&name)),
            "key: {key}: {mistakes:?}"
        );
    }
}

#[test]
fn all_mistakes_are_reported_at_once_without_secrets() {
    let mistakes = printed(with(&[
        ("CHAT_PROFILE", "partiy"),
        ("CHAT__AUTH__SECRET", "hunter2"),
        ("CHAT__AUTH__SECERT", "hunter2"),
        ("CHAT__HTTP__WORKERS", "many"),
        ("CHAT__AUTH__BCRYPT_COST", "17"),
        ("CHAT__http__BIND", "127.0.0.1:1"),
        ("CHAT__DATA_DIR", ""),
        ("CHAT_HTTP_MAX_CONNECTIONS", "10"),
        ("CHAT_SERVICE_HOST", "10.0.0.1"),
        ("CHAT__SOCKET__PONG_TIMEOUT_S", "20"),
        ("CHAT__LIMITS__MESSAGE_BYTES", "6000000"),
        ("DATABASE_URL", "postgres://chat:hunter2@db/chat?sslmode=hunter2"),
        ("REDIS_URL", "http://:hunter2@h"),
        ("USE_SQLITE", "maybe"),
    ]));

    assert_eq!(
        mistakes,
        [
            "http.max_connections (environment CHAT_HTTP_MAX_CONNECTIONS) is not a setting; write CHAT__HTTP__MAX_CONNECTIONS",
            "auth.secert (environment CHAT__AUTH__SECERT) is not a setting; `online-chat config` lists all of them",
            "http.bind (environment CHAT__http__BIND) is not a setting; write CHAT__HTTP__BIND",
            "USE_SQLITE = \"maybe\" (environment USE_SQLITE) must be true or false",
            "auth.bcrypt_cost = \"17\" (environment CHAT__AUTH__BCRYPT_COST) must be a whole number from 4 to 16",
            "auth.secret = (hidden) (environment CHAT__AUTH__SECRET) is too short: a signing key has at least 32 bytes",
            "bus.redis_url = (hidden) (environment REDIS_URL) must be `redis://host` or `rediss://host`",
            "data_dir = \"\" (environment CHAT__DATA_DIR) must name a folder",
            "http.workers = \"many\" (environment CHAT__HTTP__WORKERS) must be a whole number from 0 to 1024",
            "limits.body_bytes = \"5242880\" (default) must not be less than limits.message_bytes, which is 6000000",
            "profile = \"partiy\" (environment CHAT_PROFILE) must be \"default\" or \"parity\"",
            "socket.pong_timeout_s = \"20\" (environment CHAT__SOCKET__PONG_TIMEOUT_S) must be more than socket.ping_interval_s",
            "storage.url = (hidden) (environment DATABASE_URL) takes one sslmode: disable, prefer, require, verify-ca or verify-full",
        ]
    );
}

#[test]
fn names_that_disagree_in_one_layer_are_refused() {
    let postgres = "is set twice, differently; keep one of the two";
    let cases: [(&[(&str, &str)], &str); 6] = [
        (
            &[("DATABASE_URL", "postgres://db/chat"), ("USE_SQLITE", "True")],
            "storage.url (environment DATABASE_URL, USE_SQLITE) ",
        ),
        (
            &[("DATABASE_URL", "sqlite:///a"), ("CHAT__STORAGE__URL", "sqlite:///b")],
            "storage.url (environment CHAT__STORAGE__URL, DATABASE_URL) ",
        ),
        (
            &[("DATABASE_URL", "postgres://db/chat"), ("DATABASE_NAME", "chat")],
            "storage.url (environment DATABASE_URL, DATABASE_NAME) ",
        ),
        (
            &[("REDIS_URL", "redis://one"), ("REDIS_HOST", "two")],
            "bus.redis_url (environment REDIS_URL, REDIS_HOST) ",
        ),
        (
            &[("CHAT_PROFILE", "parity"), ("CHAT__PROFILE", "default")],
            "profile (environment CHAT__PROFILE, CHAT_PROFILE) ",
        ),
        (&[("USE_SQLITE", "False"), ("DATABASE_URL", "sqlite:///a")], "USE_SQLITE "),
    ];
    for (env, want) in cases {
        let mistakes = printed(with(env));
        let found = mistakes.iter().find(|line| line.starts_with(want));
        assert!(
            found.is_some_and(|line| line.ends_with(postgres) || line.contains("is false, but")),
            "case: {env:?}: {mistakes:?}"
        );
    }
}

#[test]
fn variables_of_the_reference_server_are_accepted() {
    let in_data_dir = sqlite("data/chat.sqlite3");
    let parts = [("USE_SQLITE", "True"), ("DATABASE_NAME", "chat"), ("DATABASE_HOST", "db")];
    assert_eq!(with(&parts).unwrap().storage.url, in_data_dir);
    let both = [("USE_SQLITE", "1"), ("DATABASE_URL", "sqlite:///srv/chat.db")];
    assert_eq!(with(&both).unwrap().storage.url, sqlite("/srv/chat.db"));
    let empty = [("USE_SQLITE", ""), ("REDIS_HOST", ""), ("DATABASE_NAME", "")];
    assert_eq!(with(&empty).unwrap().storage.url, in_data_dir);

    let sources = Sources::gather(
        pairs(&[
            ("USE_SQLITE", "False"),
            ("DATABASE_NAME", "chat"),
            ("DATABASE_USER", "u@x"),
            ("DATABASE_PASSWORD", "p/%41"),
            ("DATABASE_HOST", "db"),
            ("DATABASE_PORT", "5433"),
            ("REDIS_HOST", "cache"),
        ]),
        None,
    );
    let text = |wanted: &str| {
        sources.entries().find(|(key, _)| *key == wanted).map(|(_, entry)| entry.text.clone())
    };
    assert_eq!(text("storage.url").unwrap(), "postgres://u%40x:p%2F%2541@db:5433/chat");
    assert_eq!(text("bus.redis_url").unwrap(), "redis://cache:6379");
}

#[test]
fn services_keep_their_passwords_and_print_without_them() {
    let key = "k3J9x0Qm2LrT7vYb5WzN8cHd1FgP4sAe";
    let database = "postgresql://chat:hunter2@db/chat?sslmode=verify-full";
    let redis = "rediss://:hunter2@cache:6380/1";

    let settings = with(&[
        ("CHAT__AUTH__SECRET", key),
        ("DATABASE_URL", database),
        ("REDIS_URL", redis),
        ("CHAT__STORAGE__CONNECTIONS", "4"),
    ])
    .unwrap();

    assert!(matches!(&settings.storage.url, StorageUrl::Postgres(url) if url.expose() == database));
    assert_eq!(settings.storage.connections, 4);
    assert_eq!(settings.bus.redis_url.as_ref().map(Secret::expose), Some(redis));
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[test]
fn postgresql_needs_a_signing_key() {
    let mistakes = printed(with(&[("DATABASE_URL", "postgres://db/chat")]));

    assert_eq!(
        mistakes,
        [
            "auth.secret = \"\" (default) must be set with PostgreSQL: every node signs with the same key"
        ]
    );
}

#[test]
fn an_incomplete_database_is_refused() {
    let cases: [(&[(&str, &str)], &str); 3] = [
        (&[("USE_SQLITE", "false")], "nothing names another database"),
        (&[("DATABASE_HOST", "db")], "DATABASE_NAME is not"),
        (&[("DATABASE_NAME", "chat"), ("DATABASE_PORT", "x")], "cannot be part"),
    ];
    for (env, want) in cases {
        let mistakes = printed(with(env));
        assert!(
            matches!(mistakes.as_slice(), [line] if line.contains(want)),
            "case: {env:?}: {mistakes:?}"
        );
    }
}

#[test]
fn the_environment_outranks_an_alias_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let env_file = folder.path().join(".env");
    fs::write(&env_file, "USE_SQLITE=False\nDATABASE_NAME=chat\n").unwrap();
    let env = pairs(&[("DATABASE_URL", "sqlite:///srv/chat.db")]);

    let settings = load(env, Some(&env_file)).unwrap();

    assert_eq!(settings.storage.url, sqlite("/srv/chat.db"));
}

#[test]
fn an_unreadable_env_file_is_a_mistake_but_a_missing_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let env_file = folder.path().join(".env");
    assert!(load(pairs(&[]), Some(&env_file)).is_ok());

    fs::write(&env_file, "CHAT__HTTP__BIND\nCHAT__HTTP__WORKERS=2\n").unwrap();
    let want = format!("{} line 1 is not `NAME=value` with matching quotes", env_file.display());
    assert_eq!(printed(load(pairs(&[]), Some(&env_file))), [want]);

    fs::write(&env_file, b"A=\xff").unwrap();
    let want = format!("{} cannot be read: it is not valid UTF-8", env_file.display());
    assert_eq!(printed(load(pairs(&[]), Some(&env_file))), [want]);
}

#[test]
fn a_value_that_is_not_utf_8_is_a_mistake() {
    let broken = OsString::from_vec(vec![0xff]);

    let loaded = load([("CHAT__LOG__LEVEL".into(), broken)], None);

    assert_eq!(
        printed(loaded),
        ["CHAT__LOG__LEVEL (environment CHAT__LOG__LEVEL) is not valid UTF-8"]
    );
}

#[test]
fn debug_output_hides_the_secret() {
    let key = "k3J9x0Qm2LrT7vYb5WzN8cHd1FgP4sAe";

    let settings = with(&[("CHAT__AUTH__SECRET", key)]).unwrap();

    assert!(!format!("{settings:?}").contains(key));
    assert_eq!(settings.auth.secret.unwrap().expose(), key);
}

#[test]
fn numbers_are_accepted_up_to_their_limits() {
    let cases = [
        ("CHAT__AUTH__BCRYPT_COST", ["4", "16"], ["3", "17"]),
        ("CHAT__AUTH__REFRESH_GRACE_S", ["0", "300"], ["-1", "301"]),
        ("CHAT__COMPAT__HISTORY_LIMIT", ["0", "1000000"], ["1e3", "1000001"]),
        ("CHAT__LIMITS__BODY_BYTES", ["5242880", "1073741824"], ["5242879", "1073741825"]),
        ("CHAT__LIMITS__MESSAGE_BYTES", ["1", "5242880"], ["0", "99999999999999999999"]),
        ("CHAT__STORAGE__CONNECTIONS", ["1", "1000"], ["0", "1001"]),
        ("CHAT__HTTP__WORKERS", ["0", "1024"], ["", "1025"]),
    ];
    for (name, accepted, refused) in cases {
        for text in accepted {
            assert_eq!(printed(with(&[(name, text)])), Vec::<String>::new(), "case: {name}={text}");
        }
        for text in refused {
            assert_eq!(printed(with(&[(name, text)])).len(), 1, "case: {name}={text}");
        }
    }
}

#[test]
fn contradicting_values_are_refused() {
    let cases = [
        ("CHAT__AUTH__REFRESH_TTL_S", "1799", "auth.access_ttl_s"),
        ("CHAT__AUTH__SESSION_TTL_S", "7775999", "auth.refresh_ttl_s"),
        ("CHAT__LIMITS__MESSAGE_BYTES", "5242881", "limits.message_bytes"),
        ("CHAT__SOCKET__PONG_TIMEOUT_S", "20", "socket.ping_interval_s"),
        ("CHAT__COMPAT__PONG_TIMEOUT_S", "20", "socket.ping_interval_s"),
        ("CHAT__SOCKET__QUEUE_HARD_BYTES", "262143", "socket.queue_soft_bytes"),
        ("CHAT__SOCKET__BUDGET_BYTES", "1048575", "socket.queue_hard_bytes"),
    ];
    for (name, text, other) in cases {
        let mistakes = printed(with(&[(name, text)]));
        assert!(
            matches!(mistakes.as_slice(), [line] if line.contains(other)),
            "case: {name}={text}: {mistakes:?}"
        );
    }
}
