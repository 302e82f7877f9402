//! A second program (the command line) beside a running server.

#![expect(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use application::ports::{
    AccountStore, Clock as _, ConversationStore as _, CreateAccountError, SnapshotLimit, StoreError,
};
use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use domain::{ConversationId, PasswordHash, Refusal};
use persistence::{OpenError, SqliteChat, SqliteOptions, migrate};
use testkit::values::{new_account, send};
use testkit::{ManualClock, TEST_TIMEOUT};

const LOBBY: ConversationId = ConversationId::LOBBY;

#[tokio::test(flavor = "multi_thread")]
async fn each_program_sees_the_other_ones_writes_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat.sqlite3");
    let open = || {
        let clock = Arc::new(ManualClock::default());
        SqliteChat::open(&path, clock, SqliteOptions::default()).unwrap()
    };
    let (server, tool) = (open(), open());

    let ada = AccountStore::create(&tool, new_account("ada")).await.unwrap().id;
    let outcomes = server.commit(vec![send(LOBBY, ada, 1, "one")]).await.unwrap();
    tool.set_active(ada, false).await.unwrap();
    let unsaid = server.commit(vec![send(LOBBY, ada, 2, "two")]).await.unwrap();

    assert!(outcomes[0].is_ok());
    assert_eq!(unsaid, [Err(Refusal::NoAccount)]);
    let messages = tool.newest(LOBBY, SnapshotLimit::ALL).await.unwrap().messages;
    assert_eq!(messages.len(), 1);
    assert!(!server.by_id(ada).await.unwrap().unwrap().active);
}

fn open(path: &Path, clock: &Arc<ManualClock>, busy_timeout: Duration) -> SqliteChat {
    let options = SqliteOptions { busy_timeout, ..SqliteOptions::default() };
    SqliteChat::open(path, clock.clone(), options).unwrap()
}

/// A connection of another program, in an open transaction.
fn busy(path: &Path, begin: &str) -> SqliteConnection {
    let mut other = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    other.batch_execute(begin).unwrap();
    other
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_waits_for_another_program_up_to_the_busy_timeout() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat.sqlite3");
    let clock = Arc::new(ManualClock::default());
    let hasty = open(&path, &clock, Duration::from_millis(1));
    let patient = open(&path, &clock, TEST_TIMEOUT);
    let mut other = busy(&path, "begin immediate");

    let mut created = Box::pin(AccountStore::create(&patient, new_account("ada")));
    assert!(futures_util::poll!(&mut created).is_pending());
    let refused = AccountStore::create(&hasty, new_account("bob")).await;
    assert!(futures_util::poll!(&mut created).is_pending());
    other.batch_execute("rollback").unwrap();

    assert!(matches!(refused, Err(CreateAccountError::Store(StoreError::Unreachable(_)))));
    created.await.unwrap();
}

#[test]
fn migrating_waits_for_another_program_up_to_the_busy_timeout() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat.sqlite3");
    migrate(&path, TEST_TIMEOUT).unwrap();
    let mut other = busy(&path, "begin immediate");

    let hasty = migrate(&path, Duration::from_millis(1));
    let patient = std::thread::spawn(move || migrate(&path, TEST_TIMEOUT));
    other.batch_execute("rollback").unwrap();

    assert!(matches!(hasty, Err(OpenError::Locked { .. })), "{hasty:?}");
    assert!(patient.join().unwrap().is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_tokens_issued_while_it_waits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat.sqlite3");
    let clock = Arc::new(ManualClock::default());
    let tool = open(&path, &clock, TEST_TIMEOUT);
    let ada = AccountStore::create(&tool, new_account("ada")).await.unwrap().id;
    let mut other = busy(&path, "begin immediate");

    let mut set = Box::pin(tool.set_password(ada, PasswordHash::new("new")));
    assert!(futures_util::poll!(&mut set).is_pending());
    clock.advance(Duration::from_mins(1));
    let issued_at = clock.now();
    other.batch_execute("commit").unwrap();
    set.await.unwrap();

    let valid_from = tool.by_id(ada).await.unwrap().unwrap().valid_from;
    assert_eq!(valid_from, issued_at.next_second());
}

/// A checkpoint that truncates the log would wait for readers, and block writers for that time.
#[tokio::test(flavor = "multi_thread")]
async fn closing_does_not_wait_for_readers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat.sqlite3");
    let clock = Arc::new(ManualClock::default());
    let tool = open(&path, &clock, 2 * TEST_TIMEOUT);
    let _reading = busy(&path, "begin; select * from accounts");
    AccountStore::create(&tool, new_account("ada")).await.unwrap();

    let closed = tokio::time::timeout(TEST_TIMEOUT, tool.close()).await;

    assert!(closed.unwrap().is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn both_programs_can_write_continuously() {
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
