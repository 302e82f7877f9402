//! A second program (the command line) beside a running server.

use std::sync::Arc;

use application::ports::{AccountStore, ConversationStore as _, SnapshotLimit};
use domain::{ConversationId, Refusal};
use persistence::{SqliteChat, SqliteOptions};
use testkit::ManualClock;
use testkit::values::{new_account, send};

const LOBBY: ConversationId = ConversationId::LOBBY;

#[tokio::test(flavor = "multi_thread")]
async fn each_sees_at_once_what_the_other_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat.sqlite3");
    let open = || {
        let clock = Arc::new(ManualClock::default());
        SqliteChat::open(&path, clock, SqliteOptions::default()).unwrap()
    };
    let (server, tool) = (open(), open());

    let ada = AccountStore::create(&tool, new_account("ada")).await.unwrap().id;
    let said = server.commit(vec![send(LOBBY, ada, 1, "one")]).await.unwrap();
    tool.set_active(ada, false).await.unwrap();
    let unsaid = server.commit(vec![send(LOBBY, ada, 2, "two")]).await.unwrap();

    assert!(said[0].is_ok());
    assert_eq!(unsaid, [Err(Refusal::NoAccount)]);
    let messages = tool.newest(LOBBY, SnapshotLimit::ALL).await.unwrap().messages;
    assert_eq!(messages.len(), 1);
    assert!(!server.by_id(ada).await.unwrap().unwrap().active);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_may_write_without_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat.sqlite3");
    let open = || {
        let clock = Arc::new(ManualClock::default());
        Arc::new(SqliteChat::open(&path, clock, SqliteOptions::default()).unwrap())
    };
    let (server, tool) = (open(), open());
    let ada = AccountStore::create(&*tool, new_account("ada")).await.unwrap().id;

    let write = |chat: Arc<SqliteChat>, first: u128| {
        tokio::spawn(async move {
            for n in first..first + 50 {
                chat.commit(vec![send(LOBBY, ada, n, "x")]).await.unwrap();
            }
        })
    };
    let (one, other) = (write(Arc::clone(&server), 0), write(Arc::clone(&tool), 1_000));
    one.await.unwrap();
    other.await.unwrap();

    let messages = server.newest(LOBBY, SnapshotLimit::ALL).await.unwrap().messages;
    assert!(messages.iter().map(|message| message.msg_no.get()).eq(1..=100));
}
