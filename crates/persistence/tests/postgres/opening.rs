//! Opening a database.

use std::sync::Arc;

use futures_util::future::join_all;
use persistence::{PostgresChat, PostgresError, PostgresOptions};
use testkit::ManualClock;

use crate::database::{Database, server_url};

async fn refusal(url: &str) -> PostgresError {
    let clock = Arc::new(ManualClock::default());
    PostgresChat::open(url, clock, PostgresOptions::default()).await.err().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_together_migrate_once() {
    let database = Database::create().await;

    let added = join_all((0..8).map(|_| PostgresChat::migrate(&database.url))).await;

    let added: Vec<usize> = added.into_iter().map(|added| added.unwrap().len()).collect();
    assert_eq!(added.iter().filter(|added| **added > 0).count(), 1, "{added:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_are_synchronous() {
    let chat = Database::create().await.open().await;

    assert_eq!(chat.synchronous_commit().await.unwrap(), "on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_another_program_is_left_alone() {
    let database = Database::create().await;
    database.connect().await.batch_execute("create table auth_user (id int)").await.unwrap();

    assert!(matches!(refusal(&database.url).await, PostgresError::Foreign { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_a_development_version_is_left_alone() {
    let database = Database::create().await;
    database.open().await;
    let replaced = "insert into __diesel_schema_migrations (version) values ('20261125200000')";
    database.connect().await.batch_execute(replaced).await.unwrap();

    assert!(matches!(refusal(&database.url).await, PostgresError::Development { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_of_the_previous_version_keeps_working_during_an_upgrade() {
    let database = Database::create().await;
    database.open().await;
    let newer = "insert into __diesel_schema_migrations (version) values ('29990101000000')";
    database.connect().await.batch_execute(newer).await.unwrap();

    assert_eq!(database.open().await.synchronous_commit().await.unwrap(), "on");
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_errors_never_contain_the_password() {
    let mut unknown = url::Url::parse(&server_url()).unwrap();
    unknown.set_path("no_such_database");
    unknown.set_password(Some("hunter2")).unwrap();
    let mut away = unknown.clone();
    away.set_port(Some(1)).unwrap();

    let refused = refusal(unknown.as_str()).await;
    let unreachable = refusal(away.as_str()).await;

    assert!(matches!(refused, PostgresError::Refused { .. }), "{refused:?}");
    assert!(refused.to_string().contains("no_such_database"), "{refused}");
    assert!(matches!(unreachable, PostgresError::Unreachable { .. }), "{unreachable:?}");
    for error in [refused, unreachable] {
        assert!(!format!("{error:?} {error}").contains("hunter2"), "{error:?}");
    }
}
