//! The statements of a full batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use application::ports::{AccountStore, ConversationStore as _};
use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
use domain::ConversationId;
use persistence::{SqliteChat, SqliteOptions};
use testkit::ManualClock;
use testkit::values::{new_account, send};

/// The most intents that the batcher commits at a time.
const BATCH_INTENTS: u128 = 1_024;

static INSERTS: AtomicUsize = AtomicUsize::new(0);

#[expect(clippy::unnecessary_wraps, reason = "diesel requires this signature")]
fn count() -> Option<Box<dyn Instrumentation>> {
    Some(Box::new(|event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event
            && query.to_string().starts_with("INSERT INTO messages")
        {
            INSERTS.fetch_add(1, Ordering::SeqCst);
        }
    }))
}

#[tokio::test]
async fn a_full_batch_is_inserted_by_one_statement() {
    set_default_instrumentation(count).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat.sqlite3");
    let clock = Arc::new(ManualClock::default());
    let chat = SqliteChat::open(&path, clock, SqliteOptions::default()).unwrap();
    let ada = AccountStore::create(&chat, new_account("ada")).await.unwrap().id;
    let sends = (0..BATCH_INTENTS).map(|n| send(ConversationId::LOBBY, ada, n, "x")).collect();

    let answers = chat.commit(sends).await.unwrap();

    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(INSERTS.load(Ordering::SeqCst), 1);
}
