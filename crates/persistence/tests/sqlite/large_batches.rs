//! A batch with more rows than one statement can hold.

use std::collections::HashSet;
use std::sync::Arc;

use application::ports::{AccountStore as _, ConversationStore as _, SnapshotLimit};
use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use domain::{ConversationId, Intent, Outcome, UserId};
use persistence::{SqliteChat, SqliteOptions, migrate};
use testkit::values::send;
use testkit::{ManualClock, TEST_TIMEOUT};

const MANY: i64 = 2_500;

/// Creates many users, each with one group.
const USERS_AND_GROUPS: &str = "
    with recursive n (i) as (values (1) union all select i + 1 from n where i < 2500)
    insert into accounts
        (id, username, password, active, superuser, valid_from, auth_version, created_at)
    select i, 'user' || i, 'x', 1, 0, 0, i, 0 from n;
    insert into conversations (id, kind) select id + 1, 'group' from accounts;
    insert into conversation_heads select id + 1, 0, 0, 0 from accounts;
    insert into members (conversation_id, user_id, role, status, seq_last)
        select id + 1, id, 'owner', 'active', 0 from accounts;
";

#[tokio::test]
async fn a_batch_larger_than_one_statement_is_written_completely() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat.sqlite3");
    migrate(&path, TEST_TIMEOUT).unwrap();
    let mut raw = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    raw.batch_execute(USERS_AND_GROUPS).unwrap();
    let clock = Arc::new(ManualClock::default());
    let chat = SqliteChat::open(&path, clock, SqliteOptions::default()).unwrap();
    let users: Vec<UserId> = (1..=MANY).map(UserId::new).collect();
    let group = |user: &UserId| ConversationId::new(user.get() + 1);
    let sends = |text: &str| -> Vec<Intent> {
        let to = |conversation, user: &UserId| send(conversation, *user, 1, text);
        let lobby = users.iter().map(|user| to(ConversationId::LOBBY, user));
        lobby.chain(users.iter().map(|user| to(group(user), user))).collect()
    };

    let first = chat.commit(sends("hello")).await.unwrap();
    let again = chat.commit(sends("hello")).await.unwrap();

    assert!(first.iter().all(|answer| matches!(answer, Ok(Outcome::Applied(_)))));
    assert!(again.iter().all(|answer| matches!(answer, Ok(Outcome::AlreadyStored(_)))));
    let snapshot = chat.newest(ConversationId::LOBBY, SnapshotLimit::ALL).await.unwrap();
    let authors: HashSet<UserId> = snapshot.messages.iter().map(|m| m.author.id).collect();
    assert_eq!(authors, users.iter().copied().collect());
    let groups: Vec<ConversationId> = users.iter().map(group).collect();
    let heads = chat.heads(&groups).await.unwrap().heads;
    assert!(heads.len() == groups.len() && heads.iter().all(|head| head.seq.get() == 1));
    let versions = chat.versions(&users).await.unwrap();
    assert!(versions.len() == users.len() && versions.iter().all(|v| v.user.get() == v.auth.get()));
}
