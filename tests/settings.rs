//! Settings as an operator sees them: `online-chat config`, and what happens
//! to a start with mistakes in them.

#[path = "support/program.rs"]
mod program;

use std::{collections::BTreeMap, fs};

use program::Folder;

const KEY: &str = "k3J9x0Qm2LrT7vYb5WzN8cHd1FgP4sAe";

#[test]
fn config_prints_every_value_with_its_origin_and_no_secret() {
    let folder = Folder::new();
    fs::write(
        folder.path().join(".env"),
        format!("CHAT__AUTH__SECRET='{KEY}'\nCHAT__HTTP__BIND=127.0.0.1:9000\n"),
    )
    .unwrap();

    let env = [("CHAT_PROFILE", "parity"), ("CHAT__HTTP__BIND", "[::1]:9001")];
    let ended = folder.run(&["config"], &env);

    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
    let lines: Vec<String> = ended
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for want in [
        "auth.access_ttl_s = \"1800\" # default",
        "auth.secret = (hidden) # .env CHAT__AUTH__SECRET",
        "compat.heal = \"false\" # profile parity",
        "http.bind = \"[::1]:9001\" # environment CHAT__HTTP__BIND",
        "profile = \"parity\" # environment CHAT_PROFILE",
        "storage.url = \"\" # default",
    ] {
        assert!(lines.iter().any(|line| line == want), "{want}\n{}", ended.stdout);
    }
    assert!(!ended.stdout.contains(KEY));
}

#[test]
fn config_prints_values_and_mistakes() {
    let folder = Folder::new();

    let ended = folder.run(&["config"], &[("CHAT__HTTP__WORKERS", "-1")]);

    assert_eq!(ended.status, Some(2));
    assert!(ended.stdout.contains("http.workers = \"-1\""), "{}", ended.stdout);
    assert_eq!(
        ended.stderr,
        "online-chat: these settings cannot be used:\n  \
         http.workers = \"-1\" (environment CHAT__HTTP__WORKERS) must be a whole number from 0 to 1024\n"
    );
}

#[test]
fn the_operations_guide_lists_every_setting_and_its_defaults() {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");
    let guide = fs::read_to_string(guide).unwrap();
    let rows: Vec<[&str; 3]> = guide.lines().filter_map(row).collect();

    let default = values("default");
    let parity = values("parity");

    let keys: Vec<&str> = rows.iter().map(|[key, ..]| *key).collect();
    let missing: Vec<_> = default.keys().filter(|key| !keys.contains(&key.as_str())).collect();
    assert_eq!(missing, Vec::<&String>::new());
    for [key, value, other] in rows {
        assert_eq!(default.get(key).map(String::as_str), Some(value), "{key}");
        let other = if other.is_empty() { value } else { other };
        assert_eq!(parity.get(key).map(String::as_str), Some(other), "{key} in parity");
    }
}

#[test]
fn the_limits_page_lists_the_defaults() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/limits.md");
    let page = fs::read_to_string(page).unwrap();
    let default = values("default");
    let number = |key: &str| -> u32 { default[&format!("limits.{key}")].parse().unwrap() };
    let rate = |rate: &str, span: &str, burst: &str| {
        format!("| {} {span} | {} | `{rate}`, `{burst}` |", number(rate), number(burst))
    };
    let count = |key: &str| format!("| {} | `{key}` |", number(key));
    let free = number("sign_in_free_failures");

    let rows = [
        rate("credentials_per_minute", "a minute", "credentials_burst"),
        rate("registrations_per_hour", "an hour", "registrations_burst"),
        rate("handshakes_per_minute", "a minute", "handshakes_burst"),
        rate("messages_per_second", "a second", "messages_burst"),
        rate("conversation_messages_per_second", "a second", "conversation_messages_burst"),
        count("sockets_per_account"),
        count("sockets_per_address"),
        format!("| 1 to {} | – | `sign_in_free_failures` = {free} |", free - 1),
        format!("| {free}, {}, {}, … | 1 s, 2 s, 4 s, … |", free + 1, free + 2),
        format!("| {} minutes | `sign_in_longest_wait_s` |", number("sign_in_longest_wait_s") / 60),
        format!("in the last {} days", number("known_address_days")),
    ];

    for row in rows {
        assert!(page.contains(&row), "{row}");
    }
    assert_eq!(number("sign_in_forget_s"), 3_600, "the page says: an hour");
    assert!(page.contains("| none for an hour after the last wait |"));
}

/// The key of a setting, its default, and that of the parity profile where it differs.
fn row(line: &str) -> Option<[&str; 3]> {
    let mut cells = line.strip_prefix("| `")?.split('|').map(|cell| cell.trim().trim_matches('`'));
    let row = [cells.next()?, cells.next()?, cells.next()?];
    // Other tables have fewer columns.
    (cells.count() == 2).then_some(row)
}

/// The value of each key in a profile.
fn values(profile: &str) -> BTreeMap<String, String> {
    let ended = Folder::new().run(&["config"], &[("CHAT_PROFILE", profile)]);
    let lines = ended.stdout.lines().filter_map(|line| line.split_once(" = \""));
    lines
        .filter_map(|(key, rest)| Some((key.to_owned(), rest.split_once('"')?.0.to_owned())))
        .collect()
}

#[test]
fn a_start_with_mistakes_reports_all_and_creates_no_files() {
    let folder = Folder::new();
    let env = [
        ("CHAT__AUTH__SECRET", "hunter2"),
        ("CHAT__HTTP__BNID", "127.0.0.1:0"),
        ("CHAT__LOG__LEVEL", "loud"),
        ("DATABASE_URL", "postgres://chat:hunter2@db/chat?sslmode=hunter2"),
    ];

    for arguments in [&[][..], &["serve"], &["migrate"], &["disable", "anna"]] {
        let ended = folder.run(arguments, &env);

        assert_eq!(ended.status, Some(2), "{arguments:?}: {ended:?}");
        assert_eq!(ended.stderr.lines().count(), 5, "{}", ended.stderr);
        for named in ["auth.secret", "CHAT__HTTP__BNID", "log.level", "storage.url"] {
            assert!(ended.stderr.contains(named), "{named}: {}", ended.stderr);
        }
        assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
