//! The search index in SQLite: the FTS5 table `message_search`.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_async::RunQueryDsl;
use domain::SearchQuery;

use super::Conn;
use crate::rows::QueuedRow;

diesel::define_sql_function! {
    /// The index terms of a message, also for the triggers of `message_search`.
    fn search_terms(conversation_id: BigInt, body: Text) -> Text;
}

/// Registers `search_terms` on a connection.
pub(super) fn register(connection: &mut SqliteConnection) -> QueryResult<()> {
    search_terms_utils::register_impl(connection, |conversation: i64, body: String| {
        let prefix = format!("{conversation}:");
        let mut terms = String::new();
        for term in domain::search_terms(&body) {
            terms.extend([prefix.as_str(), &term, " "]);
        }
        terms
    })
}

/// Returns up to `limit` messages of the queue, the oldest first.
pub(super) async fn queued(conn: &mut Conn, limit: i64) -> QueryResult<Vec<QueuedRow>> {
    diesel::sql_query(
        "SELECT message_id, octet_length(body) AS length FROM unindexed_messages \
         CROSS JOIN messages ON messages.id = message_id ORDER BY message_id LIMIT ?",
    )
    .bind::<BigInt, _>(limit)
    .load(conn)
    .await
}

/// Indexes the oldest messages of the queue, which are `ids`.
pub(super) async fn index(conn: &mut Conn, ids: &[i64]) -> QueryResult<()> {
    let newest = ids.last().copied().unwrap_or_default();
    diesel::sql_query(
        "INSERT INTO message_search (rowid, words) \
         SELECT id, search_terms(conversation_id, body) FROM messages WHERE id IN \
         (SELECT message_id FROM unindexed_messages WHERE message_id <= ?)",
    )
    .bind::<BigInt, _>(newest)
    .execute(conn)
    .await?;
    diesel::sql_query("DELETE FROM unindexed_messages WHERE message_id <= ?")
        .bind::<BigInt, _>(newest)
        .execute(conn)
        .await?;
    Ok(())
}

/// An FTS5 query for messages that have all terms of `query` and are in one of `conversations`.
/// Terms hold no quotes.
pub(super) fn expression(query: &SearchQuery, conversations: &[i64]) -> String {
    let within = |conversation: &i64| {
        let terms = query.terms().map(|term| format!("\"{conversation}:{term}\"*"));
        format!("({})", terms.collect::<Vec<_>>().join(" AND "))
    };
    conversations.iter().map(within).collect::<Vec<_>>().join(" OR ")
}

/// Matching messages with an id below the second parameter, newest first.
pub(super) const FIND: &str = "\
    SELECT id, conversation_id, msg_no, author_id, octet_length(body) AS length \
    FROM message_search CROSS JOIN messages ON messages.id = message_search.rowid \
    WHERE message_search MATCH ? AND message_search.rowid < ? \
    ORDER BY message_search.rowid DESC LIMIT ?";
