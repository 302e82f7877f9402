//! What the search index keeps.
#![expect(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use application::ports::{AccountStore, ConversationStore as _, SearchIndex as _, SearchRequest};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use domain::{Conversation, ConversationId, MessageId, SearchQuery, UserId, Viewer};
use persistence::{SqliteChat, SqliteOptions};
use tempfile::TempDir;
use testkit::ManualClock;
use testkit::values::{delete, edit, new_account, send};

const LOBBY: ConversationId = ConversationId::LOBBY;
const DOWN: &str = include_str!("../../../../migrations/sqlite/2026-11-30-000000_search/down.sql");

fn database() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat.sqlite3");
    (folder, path)
}

fn open(path: &Path) -> SqliteChat {
    SqliteChat::open(path, Arc::new(ManualClock::default()), SqliteOptions::default()).unwrap()
}

fn raw(path: &Path) -> SqliteConnection {
    SqliteConnection::establish(path.to_str().unwrap()).unwrap()
}

async fn found(chat: &SqliteChat, word: &str) -> Vec<MessageId> {
    let reader =
        Viewer::new(UserId::new(1), &Conversation::lobby(), None, &Arc::default()).unwrap();
    let within = BTreeMap::from([(LOBBY, reader)]);
    let search = SearchRequest { query: SearchQuery::parse(word).unwrap(), within, before: None };
    let messages = chat.search(search, 100).await.unwrap().messages;
    messages.iter().map(|message| message.id).collect()
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// The number of index entries that contain these letters.
fn traces(path: &Path, letters: &str) -> i64 {
    let sql = "select count(*) as count from message_search_data \
               where instr(block, cast(? as blob)) > 0";
    let query = diesel::sql_query(sql).bind::<diesel::sql_types::Text, _>(letters);
    query.get_result::<Count>(&mut raw(path)).unwrap().count
}

#[tokio::test]
async fn messages_from_before_the_search_index_are_found() {
    let (_folder, path) = database();
    let chat = open(&path);
    let ada = AccountStore::create(&chat, new_account("ada")).await.unwrap().id;
    let sends = vec![send(LOBBY, ada, 1, "an old word"), send(LOBBY, ada, 2, "word, forgotten")];
    let answers = chat.commit(sends).await.unwrap();
    let ids: Vec<_> = answers.iter().map(|a| a.as_ref().unwrap().message().unwrap().id).collect();
    chat.commit(vec![delete(LOBBY, ada, ids[1])]).await.unwrap();
    chat.close().await.unwrap();
    let version = "delete from __diesel_schema_migrations where version = '20261130000000'";
    raw(&path).batch_execute(&format!("{DOWN}; {version}")).unwrap();

    let chat = open(&path);

    assert_eq!(chat.index_new(10).await.unwrap(), 1);
    assert_eq!(found(&chat, "word").await, [ids[0]]);
}

#[tokio::test]
async fn edits_and_deletions_leave_no_trace_in_the_index() {
    let (_folder, path) = database();
    let chat = open(&path);
    let ada = AccountStore::create(&chat, new_account("ada")).await.unwrap().id;
    let sends = vec![send(LOBBY, ada, 1, "xyzzy"), send(LOBBY, ada, 2, "plugh")];
    let answers = chat.commit(sends).await.unwrap();
    let ids: Vec<_> = answers.iter().map(|a| a.as_ref().unwrap().message().unwrap().id).collect();
    chat.index_new(10).await.unwrap();
    assert_eq!((traces(&path, "xyzzy"), traces(&path, "plugh")), (1, 1));

    chat.commit(vec![edit(LOBBY, ada, ids[0], Some("nothing"))]).await.unwrap();
    chat.commit(vec![delete(LOBBY, ada, ids[1])]).await.unwrap();

    assert_eq!((traces(&path, "xyzzy"), traces(&path, "plugh")), (0, 0));
    assert_eq!(chat.index_new(10).await.unwrap(), 1);
    assert_eq!((traces(&path, "nothing"), found(&chat, "nothing").await), (1, vec![ids[0]]));
    let check = "insert into message_search (message_search) values ('integrity-check')";
    raw(&path).batch_execute(check).unwrap();
}

#[tokio::test]
async fn changes_before_the_indexing_leave_the_index_whole() {
    let (_folder, path) = database();
    let chat = open(&path);
    let ada = AccountStore::create(&chat, new_account("ada")).await.unwrap().id;
    let sends = (1..=3).map(|n| send(LOBBY, ada, n, "xyzzy")).collect();
    let answers = chat.commit(sends).await.unwrap();
    let ids: Vec<_> = answers.iter().map(|a| a.as_ref().unwrap().message().unwrap().id).collect();
    chat.commit(vec![edit(LOBBY, ada, ids[0], Some("one"))]).await.unwrap();
    chat.commit(vec![edit(LOBBY, ada, ids[0], Some("two"))]).await.unwrap();
    chat.commit(vec![delete(LOBBY, ada, ids[1])]).await.unwrap();

    assert_eq!(chat.index_new(1).await.unwrap(), 1);
    assert_eq!(found(&chat, "two").await, [ids[0]]);
    assert_eq!(chat.index_new(10).await.unwrap(), 1);

    assert_eq!((found(&chat, "one").await, found(&chat, "xyzzy").await), (vec![], vec![ids[2]]));
    let check = "insert into message_search (message_search) values ('integrity-check')";
    raw(&path).batch_execute(check).unwrap();
}

#[tokio::test]
async fn a_transaction_indexes_about_a_mebibyte() {
    let (_folder, path) = database();
    let chat = open(&path);
    let ada = AccountStore::create(&chat, new_account("ada")).await.unwrap().id;
    let large = "word ".repeat(150 * 1024);
    let sends = (1..=3).map(|n| send(LOBBY, ada, n, &large)).collect();
    assert!(chat.commit(sends).await.unwrap().iter().all(Result::is_ok));

    assert_eq!(chat.index_new(10).await.unwrap(), 2);
    assert_eq!(chat.index_new(10).await.unwrap(), 1);
    assert_eq!(chat.index_new(10).await.unwrap(), 0);

    assert_eq!(found(&chat, "word").await.len(), 2, "a page of results is as large");
}
