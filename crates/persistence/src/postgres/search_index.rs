//! The search index in PostgreSQL: the table `message_search`.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text};
use diesel_async::RunQueryDsl;
use domain::SearchQuery;

use super::Conn;
use crate::rows::QueuedRow;
use crate::schema::messages;

/// Locks up to `limit` messages of the queue, the oldest first, and returns them. Skips those that
/// another node indexes or a transaction edits now.
pub(super) async fn queued(conn: &mut Conn, limit: i64) -> QueryResult<Vec<QueuedRow>> {
    diesel::sql_query(
        "select message_id, octet_length(body) as length \
         from unindexed_messages join messages on messages.id = message_id \
         order by message_id limit $1 for update of unindexed_messages skip locked",
    )
    .bind::<BigInt, _>(limit)
    .load(conn)
    .await
}

/// Indexes locked messages. Within their transaction.
pub(super) async fn index(conn: &mut Conn, ids: &[i64]) -> QueryResult<()> {
    // A statement of its own, because it must see the edits that were committed before the lock.
    let texts: Vec<(i64, i64, String)> = messages::table
        .filter(messages::id.eq_any(ids))
        .filter(messages::body.ne(""))
        .select((messages::id, messages::conversation_id, messages::body))
        .load(conn)
        .await?;
    let words: Vec<String> =
        texts.iter().map(|(_, conversation, body)| vector(*conversation, body)).collect();
    let found: Vec<i64> = texts.iter().map(|(id, ..)| *id).collect();
    diesel::sql_query(
        "insert into message_search (message_id, words) \
         select id, words::tsvector from unnest($1, $2) as indexed (id, words) \
         on conflict (message_id) do update set words = excluded.words",
    )
    .bind::<Array<BigInt>, _>(found)
    .bind::<Array<Text>, _>(words)
    .execute(conn)
    .await?;
    diesel::sql_query("delete from unindexed_messages where message_id = any ($1)")
        .bind::<Array<BigInt>, _>(ids)
        .execute(conn)
        .await?;
    Ok(())
}

/// The terms of a message, as the text of a `tsvector`. Terms hold no quotes.
fn vector(conversation: i64, body: &str) -> String {
    let mut vector = String::new();
    let prefix = format!("'{conversation}:");
    for term in domain::search_terms(body) {
        vector.extend([prefix.as_str(), &term, "' "]);
    }
    vector
}

/// A `tsquery` for messages that have all terms of `query` and are in one of `conversations`.
/// Terms hold no quotes.
pub(super) fn expression(query: &SearchQuery, conversations: &[i64]) -> String {
    let within = |conversation: &i64| {
        let terms = query.terms().map(|term| format!("'{conversation}:{term}':*"));
        format!("({})", terms.collect::<Vec<_>>().join(" & "))
    };
    conversations.iter().map(within).collect::<Vec<_>>().join(" | ")
}

/// Matching messages with an id below the second parameter, newest first. The materialized part uses
/// only the search index, because the planner might otherwise scan the whole table in the order of ids.
pub(super) const FIND: &str = "\
    with found as materialized (\
        select message_id from message_search where words @@ $1::tsquery\
    ), newest as (\
        select message_id from found where message_id < $2 order by message_id desc limit $3\
    ) \
    select id, conversation_id, msg_no, author_id, octet_length(body) as length \
    from newest join messages on id = message_id";
