//! Every statement of the ports reads its rows by an index, in the order of that index.
#![expect(clippy::unwrap_used, reason = "a panic is how a test reports")]
#![expect(clippy::indexing_slicing, reason = "a panic is how a test reports")]

mod lists;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use application::ports::{
    AccountStore, AddressDigest, ConversationStore, KnownAddressStore, MOST_KNOWN_ADDRESSES,
    NewAccount, SearchIndex, SearchRequest, SessionCursor, SessionStore, SnapshotLimit,
};
use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use domain::{
    Action, Conversation, ConversationId, Epoch, ExchangeRules, PasswordHash, ProfileUpdate,
    ReplayRule, Role, SearchQuery, Seq, SessionId, Successor, Timestamp, Viewer,
};
use persistence::{SqliteChat, SqliteOptions};
use testkit::ManualClock;
use testkit::values::{
    ban, delete, edit, intent, leave, new_account, new_group, new_session, refresh_token, send,
};

const LOBBY: ConversationId = ConversationId::LOBBY;
const LIMIT: SnapshotLimit = SnapshotLimit { rows: 10, bytes: 1_000 };

/// Every table must appear in a statement.
const TABLES: [&str; 15] = [
    "accounts",
    "audit_log",
    "blocks",
    "conversation_heads",
    "conversations",
    "created_groups",
    "direct_pairs",
    "invites",
    "known_addresses",
    "members",
    "mentions",
    "messages",
    "rotated_tokens",
    "sessions",
    "unindexed_messages",
];

/// A match with an upper bound of ids, in the order of ids.
const BY_MATCH: &str = "SCAN message_search VIRTUAL TABLE INDEX 192:M1<";

/// All columns of the unique index, so that it finds at most one message.
const BY_CLIENT_ID: &str =
    "messages_by_client_id (client_id=? AND author_id=? AND conversation_id=?)";

/// Statements about the heads and members of a batch, and the step that looks each up by its key.
const BY_KEY: [(&str, &str); 4] = [
    (
        "FROM wanted CROSS JOIN conversation_heads",
        "SEARCH conversation_heads USING INTEGER PRIMARY KEY (rowid=?)",
    ),
    (
        "FROM wanted CROSS JOIN members",
        "SEARCH members USING PRIMARY KEY (conversation_id=? AND user_id=?)",
    ),
    (
        "UPDATE members SET read_no = raised.read_no",
        "SEARCH members USING PRIMARY KEY (conversation_id=? AND user_id=?)",
    ),
    ("UPDATE conversation_heads", "SEARCH heads USING INTEGER PRIMARY KEY (rowid=?)"),
];

static STATEMENTS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Records every statement.
#[expect(clippy::unnecessary_wraps, reason = "diesel requires this signature")]
fn note() -> Option<Box<dyn Instrumentation>> {
    Some(Box::new(|event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            let query = query.to_string();
            let sql = query.split(" -- binds").next().unwrap().to_owned();
            STATEMENTS.lock().unwrap().insert(sql);
        }
    }))
}

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

fn plan(connection: &mut SqliteConnection, sql: &str) -> Vec<String> {
    let steps: Vec<Step> = diesel::sql_query(format!("explain query plan {sql}"))
        .load(connection)
        .unwrap_or_else(|error| panic!("{error}: {sql}"));
    steps.into_iter().map(|step| step.detail).collect()
}

/// Tables of one row, lists that the statement itself brings, the queue of the search index up to a
/// limit, and matches in that index.
fn may_be_read_whole(step: &str) -> bool {
    let few = [
        "SCAN server_meta",
        "SCAN sqlite_sequence",
        "SCAN wanted",
        "SCAN raised",
        "SCAN seen",
        "SCAN moved",
        "SCAN created",
        "SCAN unindexed_messages",
        "SCAN blockers",
    ];
    let own = ["CONSTANT ROW", "CONSTANT ROWS", "VALUES CLAUSE"];
    few.contains(&step) || step.starts_with(BY_MATCH) || own.iter().any(|own| step.ends_with(own))
}

/// SQLite plans a search for dangling references to the new account or conversation, but skips it
/// unless the transaction has any (`OP_FkIfZero`).
fn is_planned_but_skipped(sql: &str) -> bool {
    ["INSERT INTO `accounts`", "INSERT INTO `conversations`"].iter().any(|it| sql.starts_with(it))
}

/// The inbox is ordered by the time of the last message. An index in that order would cost a write for
/// each member and message, and the list contains only the conversations of one user.
fn sorts_a_short_list(sql: &str) -> bool {
    sql.contains("ORDER BY `conversation_heads`.`last_at` DESC")
        && sql.contains("`members`.`user_id` = ?")
}

#[tokio::test]
async fn no_statement_reads_a_whole_table_or_sorts() {
    set_default_instrumentation(note).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat.sqlite3");
    let clock = Arc::new(ManualClock::default());
    let chat = SqliteChat::open(&path, clock, SqliteOptions::default()).unwrap();
    STATEMENTS.lock().unwrap().clear();

    run_every_statement(&chat).await;
    let asked = std::mem::take(&mut *STATEMENTS.lock().unwrap());

    let wrong = slow_statements(&path, &asked);
    assert!(wrong.is_empty(), "{wrong:#?}");
    let search = asked.iter().find(|sql| sql.contains("MATCH")).unwrap();
    let search = plan(&mut explaining(&path), search);
    assert_eq!(search.len(), 2, "{search:?}");
    assert!(search[1].starts_with("SEARCH messages USING INTEGER PRIMARY KEY"), "{search:?}");
    let retries = asked.iter().find(|sql| sql.contains("USING (client_id")).unwrap();
    let retries = plan(&mut explaining(&path), retries);
    assert!(retries.iter().any(|step| step.ends_with(BY_CLIENT_ID)), "{retries:?}");
    for (statement, want) in BY_KEY {
        let sql = asked.iter().find(|sql| sql.contains(statement)).expect(statement);
        let plan = plan(&mut explaining(&path), sql);
        assert!(plan.iter().any(|step| step == want), "{sql}: {plan:#?}");
    }
    let pages = pages_through_tombstones(&path, &asked);
    assert!(pages.is_empty(), "{pages:#?}");
    let counts = unbounded_counts(&path, &asked);
    assert!(counts.is_empty(), "{counts:#?}");
    for table in TABLES {
        assert!(asked.iter().any(|sql| sql.contains(table)), "no statement reads {table}");
    }
}

diesel::define_sql_function! {
    /// Statements that use it cannot be planned without it.
    fn search_terms(conversation_id: BigInt, body: Text) -> Text;
}

fn explaining(path: &Path) -> SqliteConnection {
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    search_terms_utils::register_impl(&mut connection, |_: i64, _: String| String::new()).unwrap();
    connection
}

fn slow_statements(path: &Path, asked: &BTreeSet<String>) -> Vec<(String, Vec<String>)> {
    let mut connection = explaining(path);
    let verbs = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"];
    let statements = asked.iter().filter(|sql| verbs.iter().any(|verb| sql.starts_with(verb)));
    let statements = statements.filter(|sql| !is_planned_but_skipped(sql));
    let mut wrong = Vec::new();
    for sql in statements {
        let plan = plan(&mut connection, sql);
        let is_slow = |step: &String| {
            (step.contains("TEMP B-TREE") && !sorts_a_short_list(sql))
                || (step.starts_with("SCAN") && !may_be_read_whole(step))
        };
        if plan.iter().any(is_slow) {
            wrong.push((sql.clone(), plan));
        }
    }
    wrong
}

/// Counts whose cost grows with the members of a group, or with all mentions of a user. The open
/// invitations of a user have a bound.
fn unbounded_counts(path: &Path, asked: &BTreeSet<String>) -> Vec<(String, Vec<String>)> {
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    let counts: Vec<_> = asked.iter().filter(|sql| sql.to_lowercase().contains("count(")).collect();
    assert!(counts.len() > 1, "owners and mentions: {counts:#?}");
    let plans = counts.into_iter().map(|sql| (sql.clone(), plan(&mut connection, sql)));
    let bounded = [
        "members_by_role (conversation_id=? AND role=? AND status=?)",
        "mentions_by_user (user_id=? AND conversation_id=? AND msg_no>?)",
        "members_invited (user_id=?)",
    ];
    let is_bounded =
        |plan: &[String]| plan.iter().any(|step| bounded.iter().any(|index| step.ends_with(index)));
    plans.filter(|(_, plan)| !is_bounded(plan)).collect()
}

/// Pages whose cost grows with the number of deleted messages.
fn pages_through_tombstones(path: &Path, asked: &BTreeSet<String>) -> Vec<(String, Vec<String>)> {
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    let is_page = |sql: &&String| {
        sql.contains("FROM `messages`") && sql.contains("ORDER BY `messages`.`msg_no`")
    };
    let pages: Vec<_> = asked.iter().filter(is_page).collect();
    assert_eq!(pages.len(), 5, "the newest and both directions, measured and read: {pages:#?}");
    let plans = pages.into_iter().map(|sql| (sql.clone(), plan(&mut connection, sql)));
    let by_visible = "SEARCH messages USING INDEX messages_shown (conversation_id=?";
    let is_right = |plan: &[String]| plan.len() == 1 && plan[0].starts_with(by_visible);
    plans.filter(|(_, plan)| !is_right(plan)).collect()
}

async fn run_every_statement(chat: &SqliteChat) {
    let ada = AccountStore::create(chat, new_account("ada")).await.unwrap();
    AccountStore::create(chat, new_account("ada")).await.unwrap_err();
    let bob = AccountStore::create(chat, new_account("bob")).await.unwrap().id;
    let members = vec![(ada.id, Role::Owner), (bob, Role::Owner)];
    let new = new_group(members);
    let (group, _) = ConversationStore::create_group(chat, new.clone()).await.unwrap().unwrap();
    assert_eq!(chat.create_group(new.clone()).await.unwrap(), Ok((group, false)));
    assert_eq!(chat.created_group(&new).await.unwrap(), Some(Ok(group)));
    use_messages(chat, ada.id, bob, group).await;
    let root = NewAccount { superuser: true, ..new_account("root") };
    let root = AccountStore::create(chat, root).await.unwrap().id;
    assert!(
        chat.commit(vec![ban(LOBBY, root, bob), intent(LOBBY, root, Action::Unban { user: bob })])
            .await
            .is_ok()
    );
    lists::use_lists(chat, ada.id, bob, group).await;
    let first_session = Some(new_session(SessionId::new(7), 0, 100));
    let eve = NewAccount { first_session, ..new_account("eve") };
    let eve = AccountStore::create(chat, eve).await.unwrap().id;
    use_accounts(chat, ada.id).await;
    use_sessions(chat, eve).await;
}

async fn use_messages(
    chat: &SqliteChat,
    ada: domain::UserId,
    bob: domain::UserId,
    group: ConversationId,
) {
    let sends = vec![send(LOBBY, ada, 1, "one"), send(LOBBY, bob, 2, "two")];
    let answers = chat.commit(sends).await.unwrap();
    let ids: Vec<_> = answers.iter().map(|a| a.as_ref().unwrap().message().unwrap().id).collect();
    chat.commit(vec![
        edit(LOBBY, ada, ids[0], Some("1")),
        delete(LOBBY, bob, ids[1]),
        ban(group, ada, bob),
        leave(group, bob),
    ])
    .await
    .unwrap();
    assert_eq!(chat.index_new(10).await.unwrap(), 1);
    chat.newest(LOBBY, LIMIT).await.unwrap();
    chat.newest(LOBBY, SnapshotLimit::ALL).await.unwrap();
    chat.changes_since(LOBBY, Seq::ZERO, 10).await.unwrap();
    chat.message(LOBBY, ids[0]).await.unwrap();
    chat.view(group, bob).await.unwrap();
    let reader = Viewer::new(ada, &Conversation::lobby(), None, &Arc::default()).unwrap();
    let within = BTreeMap::from([(LOBBY, reader.clone()), (group, reader)]);
    let search = SearchRequest { query: SearchQuery::parse("1").unwrap(), within, before: None };
    assert_eq!(chat.search(search, 10).await.unwrap().messages.len(), 1);
    chat.heads(&[LOBBY, group]).await.unwrap();
    chat.new_epoch(Epoch::new(7)).await.unwrap();
}

async fn use_accounts(chat: &SqliteChat, ada: domain::UserId) {
    assert!(chat.by_equal_username("ADA").await.unwrap().is_some());
    let old = chat.by_username("ada").await.unwrap().unwrap().password;
    chat.rehash(ada, &old, PasswordHash::new("new")).await.unwrap();
    chat.set_password(ada, PasswordHash::new("newer")).await.unwrap();
    chat.set_active(ada, true).await.unwrap();
    chat.versions(&[ada]).await.unwrap();
    chat.by_ids(&[ada]).await.unwrap();
    let newer = PasswordHash::new("newer");
    chat.change_password(ada, &newer, PasswordHash::new("newest")).await.unwrap().unwrap();
    let update = ProfileUpdate { hides_presence: Some(true), ..ProfileUpdate::default() };
    chat.set_profile(ada, update).await.unwrap();
    chat.seen(&[(ada, Timestamp::from_seconds(1))]).await.unwrap();
    chat.by_id_with_session(ada, Some(SessionId::new(1))).await.unwrap();
    chat.by_id_with_session(ada, None).await.unwrap();
    for digest in 0..=MOST_KNOWN_ADDRESSES as u128 {
        let (digest, at) = (AddressDigest(digest), Timestamp::from_seconds);
        chat.know(ada, digest, at(1), at(2)).await.unwrap();
        chat.known_until(ada, digest).await.unwrap();
    }
}

async fn use_sessions(chat: &SqliteChat, ada: domain::UserId) {
    let at = Timestamp::from_seconds;
    let session = SessionId::new(1);
    let first = refresh_token(session, 1, 0, 100);
    let account = chat.by_id(ada).await.unwrap().unwrap();
    chat.open(&account, new_session(session, 0, 100)).await.unwrap();
    let next = |random| Successor {
        session: SessionId::new(2),
        random,
        issued_at: at(1),
        expires_at: at(100),
    };
    let replay = ReplayRule::Grace(Duration::from_secs(10));
    let rules = ExchangeRules { replay, lifetime: Duration::from_hours(1) };
    let foreign = refresh_token(SessionId::new(9), 1, 0, 100);
    for token in [&first, &first, &foreign] {
        chat.rotate(ada, token.clone(), next(2), at(1), rules).await.unwrap();
    }
    chat.rotate(ada, first.clone(), next(3), at(50), rules).await.unwrap();
    chat.is_spent(&foreign.id).await.unwrap();
    chat.revoke(ada, SessionId::new(2)).await.unwrap();
    for before in [None, Some(SessionCursor { used_at: at(1), session })] {
        chat.active_sessions(ada, before, at(1), 10).await.unwrap();
    }
    chat.revoke_all(ada).await.unwrap();
    chat.rotate(ada, first, next(4), at(1_000), rules).await.unwrap();
}
