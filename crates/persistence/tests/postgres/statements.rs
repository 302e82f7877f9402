//! No list takes a statement per item, counted by the server.

use std::sync::Arc;

use persistence::{PostgresChat, PostgresOptions};
use testkit::{Fixture, ManualClock, costs};

use crate::database::Database;

const ASKED: &str = "select coalesce(sum(calls), 0)::bigint from pg_stat_statements
    where dbid = (select oid from pg_database where datname = current_database())";

async fn costs_of(count: usize) -> Vec<(&'static str, i64)> {
    let database = Database::create().await;
    let clock = Arc::new(ManualClock::default());
    let options = PostgresOptions { connections: 1 };
    let chat = PostgresChat::open(&database.url, clock.clone(), options).await.unwrap();
    let fixture = Fixture::over(Arc::new(chat), clock);
    let witness = database.connect().await;
    witness.batch_execute("create extension pg_stat_statements").await.unwrap();
    let asked = async || witness.query_one(ASKED, &[]).await.unwrap().get::<_, i64>(0);
    costs::of_lists(&fixture, count, asked).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_a_hundred_takes_as_many_statements_as_a_list_of_one() {
    let (one, hundred) = (costs_of(1).await, costs_of(100).await);

    assert!(one.iter().all(|(_, statements)| *statements > 1), "{one:?}");
    assert_eq!(one, hundred);
}
