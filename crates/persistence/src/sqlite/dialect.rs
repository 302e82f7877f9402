//! What has to be said in SQLite's way.

use std::sync::Arc;

use application::ports::Clock;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::Sqlite;
use diesel_async::RunQueryDsl;
use domain::{Message, MessageId, Timestamp};

use super::Conn;
use crate::failure::Failure;
use crate::rows::{HeadRow, LockedHeadRow, MemberRow, NewMessageRow};
use crate::schema::{conversation_heads, conversations};

/// Rows of one statement, and so no fewer than a full batch of the batcher has. A
/// message has 12 values, and a statement of SQLite at most 32,766.
pub(super) const CHUNK: usize = 1_024;

diesel::table! {
    /// SQLite's own: the last id given out, by table.
    sqlite_sequence (name) {
        name -> Text,
        seq -> BigInt,
    }
}

/// The time of what is being written: this machine's, which alone writes here.
#[expect(clippy::unused_async, reason = "other dialects ask the database")]
pub(super) async fn now(_conn: &mut Conn, clock: &dyn Clock) -> Result<Timestamp, Failure> {
    Ok(clock.now())
}

/// Heads with the kinds of their conversations, locked until the transaction
/// ends: here by the transaction itself.
pub(super) async fn lock_heads(
    conn: &mut Conn,
    conversations: &[i64],
) -> QueryResult<Vec<LockedHeadRow>> {
    conversation_heads::table
        .inner_join(conversations::table)
        .filter(conversation_heads::conversation_id.eq_any(conversations))
        .select((HeadRow::as_select(), conversations::kind))
        .load(conn)
        .await
}

/// The first of ids for new messages, all above it being free too.
pub(super) async fn reserve_message_ids(
    conn: &mut Conn,
    _count: usize,
) -> Result<MessageId, Failure> {
    let last: Option<i64> = sqlite_sequence::table
        .filter(sqlite_sequence::name.eq("messages"))
        .select(sqlite_sequence::seq)
        .first(conn)
        .await
        .optional()?;
    let next = last.unwrap_or(0).checked_add(1);
    next.map(MessageId::new).ok_or_else(|| Failure::Failed("message ids are used up".into()))
}

/// New messages, with as few statements as can be.
pub(super) async fn insert_messages(
    conn: &mut Conn,
    created: Vec<Arc<Message>>,
) -> QueryResult<()> {
    conn.spawn_blocking(move |conn| {
        for chunk in created.chunks(CHUNK) {
            let rows: Vec<_> =
                chunk.iter().map(|message| NewMessageRow::from(&**message)).collect();
            let insert = diesel::insert_into(crate::schema::messages::table).values(rows);
            diesel::RunQueryDsl::execute(insert, conn)?;
        }
        Ok(())
    })
    .await
}

/// Those of the members `(conversation, user)` that have a row.
pub(super) async fn members_among(
    conn: &mut Conn,
    keys: &[(i64, i64)],
) -> QueryResult<Vec<MemberRow>> {
    MembersAmong(keys).load(conn).await
}

/// A join looks up each pair by the primary key. Two lists would look up every
/// conversation with every user, and for a list of pairs SQLite reads the whole table.
#[derive(Debug, Clone, Copy)]
struct MembersAmong<'a>(&'a [(i64, i64)]);

impl Query for MembersAmong<'_> {
    type SqlType = (BigInt, BigInt, Text, Text, BigInt);
}

impl QueryId for MembersAmong<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<Sqlite> for MembersAmong<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql("WITH wanted (conversation_id, user_id) AS (VALUES ");
        for (index, (conversation, user)) in self.0.iter().enumerate() {
            out.push_sql(if index == 0 { "(" } else { ", (" });
            out.push_bind_param::<BigInt, _>(conversation)?;
            out.push_sql(", ");
            out.push_bind_param::<BigInt, _>(user)?;
            out.push_sql(")");
        }
        out.push_sql(
            ") SELECT conversation_id, user_id, role, standing, seq_last \
             FROM wanted CROSS JOIN members USING (conversation_id, user_id)",
        );
        Ok(())
    }
}
