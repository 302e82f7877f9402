//! The contracts of the storage ports, on SQLite.
#![expect(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::sync::Arc;

use persistence::{SqliteChat, SqliteOptions};
use testkit::{Fixture, ManualClock};

async fn fresh() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let path = folder.path().join("chat.sqlite3");
    let chat = SqliteChat::open(&path, clock.clone(), SqliteOptions::default()).unwrap();
    Fixture::over(Arc::new(chat), clock).keeping(folder)
}

testkit::conversation_store_contract!(fresh);
testkit::account_store_contract!(fresh);
testkit::session_store_contract!(fresh);
testkit::inbox_store_contract!(fresh);
testkit::invite_store_contract!(fresh);
testkit::model_contract!(fresh);
testkit::known_address_store_contract!(fresh);
