//! Migrations keep the tables and columns of the previous version, because nodes are replaced one by
//! one and the old nodes keep running on the new schema.
#![expect(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Statements that remove or restrict parts of the schema that the previous version uses.
const FORBIDDEN: [&str; 18] = [
    "drop ",
    "rename ",
    "truncate ",
    "delete from",
    "set not null",
    "set data type",
    " type ",
    "add constraint",
    "add check",
    "add unique",
    "add foreign key",
    "create unique index",
    "add primary key",
    "add exclude",
    "create rule",
    "create or replace rule",
    "revoke ",
    "set schema",
];

/// The first forbidden statement in a migration, except on tables that the migration itself creates.
fn violation(sql: &str) -> Option<String> {
    let lines = sql.lines().map(|line| line.split("--").next().unwrap_or_default());
    let text = without_trigger_bodies(&lines.collect::<Vec<_>>().join(" ").to_lowercase());
    text.split(';').map(|part| part.split_whitespace().collect::<Vec<_>>().join(" ")).find(|part| {
        let adds_unfilled =
            part.contains("add column") && part.contains("not null") && !part.contains("default");
        let is_new = part.starts_with("create table");
        !is_new && (adds_unfilled || FORBIDDEN.iter().any(|word| format!("{part} ").contains(word)))
    })
}

/// Triggers and their functions run later, and change rows rather than the schema.
fn without_trigger_bodies(sql: &str) -> String {
    let outside_functions: String = sql.split("$$").step_by(2).collect();
    let mut kept = String::new();
    let mut rest = outside_functions.as_str();
    while let Some((before, trigger)) = rest.split_once("create trigger") {
        kept.push_str(before);
        let end = if trigger.split(';').next().is_some_and(|head| head.contains(" begin ")) {
            " end;"
        } else {
            ";"
        };
        rest = trigger.split_once(end).map_or("", |(_, after)| after);
    }
    kept + rest
}

fn migrations(dialect: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations").join(dialect);
    let mut found: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path().join("up.sql")).collect();
    found.sort();
    assert!(!found.is_empty(), "{dialect} has no migrations");
    found
}

#[test]
fn no_migration_removes_or_restricts_what_the_previous_version_uses() {
    // There is no version before the first migration.
    let later = |dialect| migrations(dialect).into_iter().skip(1);
    for path in ["sqlite", "postgres"].into_iter().flat_map(later) {
        let violation = violation(&fs::read_to_string(&path).unwrap());

        assert_eq!(violation, None, "{}", path.display());
    }
}

#[test]
fn every_migration_has_a_version_of_its_own() {
    let paths = migrations("sqlite");
    let name = |path: &PathBuf| path.parent().unwrap().file_name().unwrap().to_owned();
    let names: Vec<String> = paths.iter().map(|p| name(p).into_string().unwrap()).collect();
    let versions: BTreeSet<_> = names.iter().map(|name| name.split('_').next()).collect();

    assert_eq!(versions.len(), names.len(), "{names:?}");
}

#[test]
fn both_dialects_have_the_same_migrations() {
    let names = |dialect| -> Vec<_> {
        migrations(dialect)
            .iter()
            .map(|path| path.parent().unwrap().file_name().unwrap().to_owned())
            .collect()
    };

    assert_eq!(names("sqlite"), names("postgres"));
}

#[test]
fn additions_pass_and_removals_or_restrictions_fail() {
    let fine = [
        "create table reactions (id bigint primary key, emoji text not null unique);",
        "alter table messages add column pinned_at bigint;",
        "alter table messages add column edits bigint not null default 0;",
        "create index messages_pinned on messages (pinned_at); -- drop nothing",
        "update messages set edits = 1 where edited_at is not null;",
        "create trigger words_added after insert on messages begin delete from words; end;",
        "create function f() returns trigger as $$ begin delete from words; end $$; create trigger t after insert on messages execute function f();",
    ];
    let refused = [
        "alter table messages drop column body;",
        "DROP TABLE\n members;",
        "alter table messages rename column body to text;",
        "alter table accounts alter column email set not null;",
        "alter table accounts alter column id type int;",
        "alter table messages add column kind text not null;",
        "alter table messages add check (body <> '');",
        "create unique index accounts_by_email on accounts (lower(email));",
        "alter table mentions add primary key (user_id);",
        "alter table invites add exclude using gist (code with =);",
        "create rule quiet as on insert to messages do instead nothing;",
        "create or replace rule quiet as on insert to messages do instead nothing;",
        "revoke insert on messages from chat;",
        "alter table messages set schema archive;",
        "create trigger t after insert on messages begin select 1; end; drop table members;",
        "create trigger t after insert on messages execute function f(); drop table members;",
    ];

    for sql in fine {
        assert_eq!(violation(sql), None, "{sql}");
    }
    for sql in refused {
        assert!(violation(sql).is_some(), "{sql}");
    }
}
