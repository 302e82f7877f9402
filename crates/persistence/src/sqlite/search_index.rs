//! The search index in SQLite: the FTS5 table `message_search`. Triggers fill it by `message_words`,
//! which this program provides.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use domain::SearchQuery;

diesel::define_sql_function! {
    /// The words of a message, for the triggers of `message_search`.
    fn message_words(conversation_id: BigInt, body: Text) -> Text;
}

/// Registers `message_words` on a connection.
pub(super) fn register(connection: &mut SqliteConnection) -> QueryResult<()> {
    message_words_utils::register_impl(connection, |conversation: i64, body: String| {
        let prefix = format!("{conversation}:");
        let mut terms = String::new();
        for word in domain::words(&body) {
            terms.extend([prefix.as_str(), &word, " "]);
        }
        terms
    })
}

/// An FTS5 query for messages that have all words of `query` and are in one of `conversations`.
/// Words hold no quotes.
pub(super) fn expression(query: &SearchQuery, conversations: &[i64]) -> String {
    let within = |conversation: &i64| {
        let terms = query.words().map(|word| format!("\"{conversation}:{word}\"*"));
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
