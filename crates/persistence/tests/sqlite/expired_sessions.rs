//! Deleting expired sessions.

use std::sync::Arc;

use application::ports::{AccountStore, SessionState, SessionStore as _};
use domain::SessionId;
use persistence::{SqliteChat, SqliteOptions};
use testkit::ManualClock;
use testkit::values::{new_account, new_session};

/// Bounds the cost of a sign-in, regardless of the number of expired sessions.
#[tokio::test]
async fn a_sign_in_deletes_a_few_of_the_oldest_sessions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat.sqlite3");
    let clock = Arc::new(ManualClock::default());
    let chat = SqliteChat::open(&path, clock, SqliteOptions::default()).unwrap();
    let ada = AccountStore::create(&chat, new_account("ada")).await.unwrap();
    for n in 0..40 {
        let session = new_session(SessionId::new(n), 0, 100 + i64::try_from(n).unwrap());
        chat.open(&ada, session).await.unwrap();
    }

    chat.open(&ada, new_session(SessionId::new(1_000), 500, 600)).await.unwrap();

    let mut live = Vec::new();
    for n in 0..40 {
        let (_, state) =
            chat.by_id_with_session(ada.id, Some(SessionId::new(n))).await.unwrap().unwrap();
        if matches!(state, SessionState::Live { .. }) {
            live.push(n);
        }
    }
    assert_eq!(live, [32, 33, 34, 35, 36, 37, 38, 39]);
}
