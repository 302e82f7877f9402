//! The search index in PostgreSQL: the table `message_search`.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text};
use diesel_async::RunQueryDsl;
use domain::SearchQuery;

use super::Conn;
use crate::failure::Failure;
use crate::schema::messages;

#[derive(QueryableByName)]
struct Taken {
    #[diesel(sql_type = BigInt)]
    message_id: i64,
}

/// Indexes up to `limit` messages, the oldest first, except those that another node indexes now.
/// Returns their number. Within a transaction.
pub(super) async fn index_new(conn: &mut Conn, limit: i64) -> Result<usize, Failure> {
    let taken: Vec<Taken> = diesel::sql_query(
        "delete from unindexed_messages where message_id in (\
             select message_id from unindexed_messages \
             order by message_id limit $1 for update skip locked\
         ) returning message_id",
    )
    .bind::<BigInt, _>(limit)
    .load(conn)
    .await?;
    if taken.is_empty() {
        return Ok(0);
    }
    // A statement of its own, because it must see the edits that were committed before the rows of
    // the queue were locked.
    let texts: Vec<(i64, i64, String)> = messages::table
        .filter(messages::id.eq_any(taken.iter().map(|row| row.message_id)))
        .filter(messages::body.ne(""))
        .select((messages::id, messages::conversation_id, messages::body))
        .load(conn)
        .await?;
    let words: Vec<String> =
        texts.iter().map(|(_, conversation, body)| vector(*conversation, body)).collect();
    let ids: Vec<i64> = texts.iter().map(|(id, ..)| *id).collect();
    diesel::sql_query(
        "insert into message_search (message_id, words) \
         select id, words::tsvector from unnest($1, $2) as indexed (id, words)",
    )
    .bind::<Array<BigInt>, _>(ids)
    .bind::<Array<Text>, _>(words)
    .execute(conn)
    .await?;
    Ok(taken.len())
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
