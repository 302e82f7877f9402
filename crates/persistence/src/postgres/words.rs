//! Messages by their words, in PostgreSQL's way: `message_words` makes them of each row.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_async::RunQueryDsl;
use domain::SearchQuery;

use super::Conn;
use crate::failure::Failure;
use crate::rows::FoundRow;

/// Held by whoever merges: "words".
const TIDYING_LOCK: i64 = 0x0077_6f72_6473;

/// The words of a query in any of some conversations. They hold no quotes.
pub(super) fn wanted(query: &SearchQuery, conversations: &[i64]) -> String {
    let within = |conversation: &i64| {
        let terms = query.words().map(|word| format!("'{conversation}:{word}':*"));
        format!("({})", terms.collect::<Vec<_>>().join(" & "))
    };
    conversations.iter().map(within).collect::<Vec<_>>().join(" | ")
}

/// What has these words, the newest first, below an id. It is found by the index
/// of words alone: in the order of ids it might be sought through all that was said.
pub(super) async fn find(
    conn: &mut Conn,
    wanted: String,
    before: i64,
    most: i64,
) -> QueryResult<Vec<FoundRow>> {
    diesel::sql_query(
        "with found as materialized (\
             select id, conversation_id, msg_no, author_id, octet_length(body) as length \
             from messages \
             where message_words(conversation_id, body) @@ $1::tsquery and id < $2\
         ) select * from found order by id desc limit $3",
    )
    .bind::<Text, _>(wanted)
    .bind::<BigInt, _>(before)
    .bind::<BigInt, _>(most)
    .load(conn)
    .await
}

/// Merges into the index of words what waits in front of it, so that no insert has to.
/// One node does at a time, and none whose account does not own the index.
pub(super) async fn tidy(conn: &mut Conn) -> Result<(), Failure> {
    diesel::sql_query(
        "select gin_clean_pending_list(index.oid) from pg_class as index \
         where index.oid = to_regclass('messages_by_word') \
         and pg_has_role(index.relowner, 'usage') and pg_try_advisory_xact_lock($1)",
    )
    .bind::<BigInt, _>(TIDYING_LOCK)
    .execute(conn)
    .await?;
    Ok(())
}
