//! The search index in PostgreSQL.

use application::ports::{AccountStore, ConversationStore as _, SearchIndex as _};
use domain::{ConversationId, MessageId};
use testkit::values::{new_account, send};

use crate::database::Database;

const LOBBY: ConversationId = ConversationId::LOBBY;

#[tokio::test(flavor = "multi_thread")]
async fn a_search_uses_the_search_index() {
    let database = Database::create().await;
    let chat = database.open().await;
    let ada = AccountStore::create(&*chat, new_account("ada")).await.unwrap().id;
    for batch in 0..10_u128 {
        let send = |n| send(LOBBY, ada, 1_000 * batch + n, &format!("word{} {n}", n % 2));
        chat.commit((0..500).map(send).collect()).await.unwrap();
        assert_eq!(chat.index_new(500).await.unwrap(), 500);
    }
    let client = database.connect().await;
    // As the connections of the store.
    client.batch_execute("analyze message_search; set enable_seqscan = off").await.unwrap();

    let plan = client
        .query(
            "explain with found as materialized (\
                 select message_id from message_search \
                 where words @@ '''1:word1'':*'::tsquery\
             ) select * from found where message_id < 9999 order by message_id desc limit 10",
            &[],
        )
        .await
        .unwrap();

    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    let plan = plan.join("\n");
    assert!(plan.contains("Bitmap Index Scan on message_search_words"), "{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_during_the_indexing_is_indexed_after_it() {
    let database = Database::create().await;
    let chat = database.open().await;
    let ada = AccountStore::create(&*chat, new_account("ada")).await.unwrap().id;
    let answers = chat.commit(vec![send(LOBBY, ada, 1, "old"), send(LOBBY, ada, 2, "old")]).await;
    let answers = answers.unwrap();
    let ids: Vec<_> = answers.iter().map(|a| a.as_ref().unwrap().message().unwrap().id).collect();
    let mut client = database.connect().await;
    let open_edit = client.transaction().await.unwrap();
    let sql = "update messages set body = 'new' where id = $1";
    open_edit.execute(sql, &[&ids[0].get()]).await.unwrap();

    assert_eq!(chat.index_new(10).await.unwrap(), 1, "the edited message is skipped");
    open_edit.commit().await.unwrap();
    assert_eq!(chat.index_new(10).await.unwrap(), 1);

    assert_eq!(
        (words(&client, ids[0]).await, words(&client, ids[1]).await),
        ("new".to_owned(), "old".to_owned())
    );
}

/// The words of a message in the lobby, of which it has at most one.
async fn words(client: &tokio_postgres::Client, id: MessageId) -> String {
    let sql = "select tsvector_to_array(words) from message_search where message_id = $1";
    let words: Vec<String> = client.query_one(sql, &[&id.get()]).await.unwrap().get(0);
    words.concat().replace("1:", "")
}
