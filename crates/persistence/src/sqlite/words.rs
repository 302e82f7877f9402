//! Messages by their words, in SQLite's way: `message_search` keeps them, and this program makes them.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_async::RunQueryDsl;
use domain::SearchQuery;

use super::Conn;
use crate::rows::FoundRow;

diesel::define_sql_function! {
    /// The words of a message, as triggers put them into `message_search`.
    fn message_words(conversation_id: BigInt, body: Text) -> Text;
}

/// Teaches a connection what words are.
pub(super) fn teach(connection: &mut SqliteConnection) -> QueryResult<()> {
    message_words_utils::register_impl(connection, |conversation: i64, body: String| {
        let place = format!("{conversation}:");
        let mut terms = String::new();
        for word in domain::words(&body) {
            terms.extend([place.as_str(), &word, " "]);
        }
        terms
    })
}

/// The words of a query in any of some conversations. They hold no quotes.
pub(super) fn wanted(query: &SearchQuery, conversations: &[i64]) -> String {
    let within = |conversation: &i64| {
        let terms = query.words().map(|word| format!("\"{conversation}:{word}\"*"));
        format!("({})", terms.collect::<Vec<_>>().join(" AND "))
    };
    conversations.iter().map(within).collect::<Vec<_>>().join(" OR ")
}

/// What has these words, the newest first, below an id.
pub(super) async fn find(
    conn: &mut Conn,
    wanted: String,
    before: i64,
    most: i64,
) -> QueryResult<Vec<FoundRow>> {
    diesel::sql_query(
        "SELECT id, conversation_id, msg_no, author_id, octet_length(body) AS length \
         FROM message_search CROSS JOIN messages ON messages.id = message_search.rowid \
         WHERE message_search MATCH ? AND message_search.rowid < ? \
         ORDER BY message_search.rowid DESC LIMIT ?",
    )
    .bind::<Text, _>(wanted)
    .bind::<BigInt, _>(before)
    .bind::<BigInt, _>(most)
    .load(conn)
    .await
}
