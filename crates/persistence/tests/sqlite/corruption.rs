//! Rows that break a rule of the domain are reported by table, id and column.
#![expect(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::path::PathBuf;
use std::sync::Arc;

use application::ports::{
    AccountStore, ConversationStore as _, SessionStore as _, SnapshotLimit, StoreError, with_causes,
};
use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use domain::{ConversationId, Seq, SessionId, UserId};
use persistence::{SqliteChat, SqliteOptions};
use tempfile::{TempDir, tempdir};
use testkit::ManualClock;
use testkit::values::{ban, new_account, new_session, send};

const LOBBY: ConversationId = ConversationId::LOBBY;

struct World {
    chat: SqliteChat,
    ada: UserId,
    path: PathBuf,
    _folder: TempDir,
}

async fn world() -> World {
    let folder = tempdir().unwrap();
    let path = folder.path().join("chat.sqlite3");
    let clock = Arc::new(ManualClock::default());
    let chat = SqliteChat::open(&path, clock, SqliteOptions::default()).unwrap();
    let ada = AccountStore::create(&chat, new_account("ada")).await.unwrap().id;
    chat.commit(vec![send(LOBBY, ada, 1, "a secret")]).await.unwrap();
    World { chat, ada, path, _folder: folder }
}

impl World {
    /// Bypasses checks and triggers, like a broken disk.
    fn corrupt(&self, sql: &str) {
        let mut connection = SqliteConnection::establish(self.path.to_str().unwrap()).unwrap();
        connection.batch_execute("pragma ignore_check_constraints = on").unwrap();
        connection.batch_execute("drop trigger messages_queue_edited").unwrap();
        connection.batch_execute(sql).unwrap();
    }
}

#[tokio::test]
async fn a_corrupt_message_is_reported_without_its_text() {
    let cases = [
        ("client_id", "update messages set client_id = x'00'"),
        ("first_hash", "update messages set first_hash = x'00'"),
        ("body", "update messages set body = 'a secret' || char(0)"),
    ];
    for (column, sql) in cases {
        let world = world().await;
        world.corrupt(sql);

        let newest = world.chat.newest(LOBBY, SnapshotLimit::ALL).await.unwrap_err();
        let changes = world.chat.changes_since(LOBBY, Seq::ZERO, 10).await.unwrap_err();

        let want = format!("corrupt row 1 in table messages: {column}");
        assert_eq!(with_causes(&newest), format!("read the newest messages failed: {want}"));
        assert_eq!(with_causes(&changes), format!("read changes failed: {want}"));
    }
}

#[tokio::test]
async fn a_corrupt_account_is_reported() {
    let world = world().await;
    world.corrupt("update accounts set username = 'a da'");

    let error = world.chat.by_id(world.ada).await.unwrap_err();

    let want = "read an account failed: corrupt row 1 in table accounts: username";
    assert_eq!(with_causes(&error), want);
}

#[tokio::test]
async fn an_old_email_address_that_is_now_invalid_still_works() {
    let world = world().await;
    world.corrupt("update accounts set email = 'ada@localhost@'");

    let account = world.chat.by_id(world.ada).await.unwrap().unwrap();

    assert_eq!(account.email.unwrap().as_str(), "ada@localhost@");
}

#[tokio::test]
async fn a_corrupt_conversation_or_member_fails_the_batch_alone() {
    let cases = [
        ("1 in table conversations: kind", "update conversations set kind = 'park'"),
        ("(1, 2) in table members: role", "update members set role = 'king'"),
        ("(1, 2) in table members: status", "update members set status = 'sitting'"),
    ];
    for (place, sql) in cases {
        let world = world().await;
        let root = domain::Username::parse("root").unwrap();
        let superuser = application::ports::NewAccount {
            username: root,
            email: None,
            superuser: true,
            ..new_account("root")
        };
        let bob = AccountStore::create(&world.chat, new_account("bob")).await.unwrap().id;
        let root = AccountStore::create(&world.chat, superuser).await.unwrap().id;
        world.chat.commit(vec![ban(LOBBY, root, bob)]).await.unwrap();
        world.corrupt(sql);

        let error = world.chat.commit(vec![send(LOBBY, bob, 2, "x")]).await.unwrap_err();

        assert!(matches!(error, StoreError::Failed(_)), "{error:?}");
        assert!(
            with_causes(&error).ends_with(&format!("corrupt row {place}")),
            "{}",
            with_causes(&error)
        );
        assert!(world.chat.heads(&[LOBBY]).await.unwrap().heads[0].seq == Seq::new(2));
    }
}

#[tokio::test]
async fn a_corrupt_session_is_reported() {
    let world = world().await;
    let session = new_session(SessionId::new(7), 0, 100);
    let id = session.first.id.clone();
    let ada = world.chat.by_id(world.ada).await.unwrap().unwrap();
    world.chat.open(&ada, session).await.unwrap();
    world.corrupt("update sessions set token_id = ''");

    let error = world.chat.is_spent(&id).await.unwrap_err();

    assert!(with_causes(&error).ends_with("corrupt row 7 in table sessions: token_id"));
}

#[tokio::test]
async fn exhausted_ids_and_extreme_numbers_are_handled() {
    let world = world().await;
    let wild = [i64::MIN, -1, 0, i64::MAX];
    for id in wild {
        let conversation = ConversationId::new(id);
        let answers =
            world.chat.commit(vec![send(conversation, UserId::new(id), 5, "x")]).await.unwrap();
        assert!(answers[0].is_err());
        let none = world.chat.newest(conversation, SnapshotLimit { rows: 0, bytes: 0 }).await;
        assert_eq!(none.unwrap().messages.len(), 0);
        let page = world.chat.changes_since(conversation, Seq::new(id), usize::MAX).await.unwrap();
        assert_eq!(page.changes.len(), 0);
        assert!(world.chat.by_id(UserId::new(id)).await.unwrap().is_none());
    }
    world.corrupt("update sqlite_sequence set seq = 9223372036854775807 where name = 'messages'");

    let used_up = world.chat.commit(vec![send(LOBBY, world.ada, 6, "x")]).await.unwrap_err();

    assert!(matches!(used_up, StoreError::Failed(_)), "{used_up:?}");
}
