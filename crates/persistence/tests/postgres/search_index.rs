//! Words and the search index in PostgreSQL.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use application::ports::{AccountStore, ConversationStore as _};
use domain::ConversationId;
use testkit::TEST_TIMEOUT;
use testkit::values::{new_account, send};

use crate::database::Database;

/// Characters with case mappings that the ICU of older servers lacks.
const NEW_CASES: [std::ops::RangeInclusive<char>; 5] = [
    '\u{1c89}'..='\u{1c8a}',
    '\u{a7b0}'..='\u{a7ff}',
    '\u{10570}'..='\u{105bf}',
    '\u{10d50}'..='\u{10d8f}',
    '\u{16e40}'..='\u{16eff}',
];

#[tokio::test(flavor = "multi_thread")]
async fn postgres_splits_words_like_the_domain() {
    let database = Database::create().await;
    database.open().await;
    let client = database.connect().await;
    let all: Vec<char> = ('\u{1}'..=char::MAX).collect();
    for chunk in all.chunks(8_000) {
        let mut text = String::new();
        for c in chunk.iter().copied().filter(|c| !NEW_CASES.iter().any(|new| new.contains(c))) {
            write!(text, "x{c}y ").unwrap();
        }

        let row = client
            .query_one("select tsvector_to_array(message_words(7, $1))", &[&text])
            .await
            .unwrap();

        let words: BTreeSet<String> = row.get::<_, Vec<String>>(0).into_iter().collect();
        let want: BTreeSet<String> = domain::words(&text).map(|word| format!("7:{word}")).collect();
        let wrong: Vec<_> = words.symmetric_difference(&want).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_uses_the_search_index() {
    let database = Database::create().await;
    let chat = database.open().await;
    let ada = AccountStore::create(&*chat, new_account("ada")).await.unwrap().id;
    for batch in 0..10_u128 {
        let send =
            |n| send(ConversationId::LOBBY, ada, 1_000 * batch + n, &format!("word{} {n}", n % 2));
        chat.commit((0..500).map(send).collect()).await.unwrap();
    }
    let client = database.connect().await;
    client.batch_execute("analyze messages").await.unwrap();

    let plan = client
        .query(
            "explain with found as materialized (\
                 select id from messages \
                 where message_words(conversation_id, body) @@ '''1:word1'':*'::tsquery and id < 9999\
             ) select * from found order by id desc limit 10",
            &[],
        )
        .await
        .unwrap();

    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    let plan = plan.join("\n");
    assert!(plan.contains("Bitmap Index Scan on messages_by_word"), "{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pending_list_is_empty_after_many_messages() {
    let database = Database::create().await;
    let chat = database.open().await;
    let client = database.connect().await;
    let set_up =
        "create extension pgstattuple; alter table messages set (autovacuum_enabled = off)";
    client.batch_execute(set_up).await.unwrap();
    let ada = AccountStore::create(&*chat, new_account("ada")).await.unwrap().id;
    let waiting = async || {
        let sql = "select pending_tuples from pgstatginindex('messages_by_word')";
        client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0)
    };
    let text = |n| send(ConversationId::LOBBY, ada, n, &format!("word{n}"));

    chat.commit((0..999).map(text).collect()).await.unwrap();
    assert_eq!(waiting().await, 999);
    chat.commit(vec![text(999)]).await.unwrap();

    tokio::time::timeout(TEST_TIMEOUT, async {
        while waiting().await > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("words that wait in vain");
}
