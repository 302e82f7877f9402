//! Statements and rows read, by the statistics of the server.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{AccountStore, ConversationStore as _};
use domain::ConversationId;
use persistence::{PostgresChat, PostgresOptions};
use testkit::values::{new_account, send};
use testkit::{Fixture, ManualClock, TEST_TIMEOUT, costs};

use crate::database::Database;

const ASKED: &str = "select coalesce(sum(calls), 0)::bigint from pg_stat_statements
    where dbid = (select oid from pg_database where datname = current_database())";

async fn costs_of(count: usize) -> Vec<(&'static str, i64)> {
    let database = Database::create().await;
    let clock = Arc::new(ManualClock::default());
    let options = PostgresOptions { connections: 1 };
    let chat = PostgresChat::open(&database.url, clock.clone(), options).await.unwrap();
    let chat = Arc::new(chat);
    let fixture = Fixture::over(Arc::clone(&chat), clock);
    let witness = database.connect().await;
    witness.batch_execute("create extension pg_stat_statements").await.unwrap();
    let asked = async || {
        // No read waits for its `commit`, but this statement runs behind it on the only connection.
        chat.synchronous_commit().await.unwrap();
        witness.query_one(ASKED, &[]).await.unwrap().get::<_, i64>(0)
    };
    Box::pin(costs::of_lists(&fixture, count, asked)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_100_needs_as_many_statements_as_a_list_of_1() {
    let (one, hundred) = (costs_of(1).await, costs_of(100).await);

    assert!(one.iter().all(|(_, statements)| *statements > 2), "{one:?}");
    assert_eq!(one, hundred);
}

/// The database was never analyzed, so the planner does not know table sizes.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_reads_only_the_messages_it_needs() {
    let database = Database::create().await;
    let chat = database.open().await;
    let ada = AccountStore::create(&*chat, new_account("ada")).await.unwrap().id;
    for batch in 0..40_u128 {
        let text = |n| send(ConversationId::LOBBY, ada, 1_000 * batch + n, &format!("word{n}"));
        chat.commit((0..64).map(text).collect()).await.unwrap();
    }
    // A connection reports its statistics when it ends.
    chat.close();
    drop(chat);
    let witness = database.connect().await;
    let counted = async || {
        let sql = "select n_tup_ins, seq_tup_read + coalesce(idx_tup_fetch, 0)
            from pg_stat_user_tables where relname = 'messages'";
        let row = witness.query_one(sql, &[]).await.unwrap();
        (row.get::<_, i64>(0), row.get::<_, i64>(1))
    };

    let read = tokio::time::timeout(TEST_TIMEOUT, async {
        loop {
            let (inserted, read) = counted().await;
            if inserted == 40 * 64 {
                return read;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });

    assert_eq!(read.await.expect("counts that do not come"), 0);
}
