//! What has to be said in SQLite's way.

use std::sync::Arc;

use application::ports::Clock;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::sqlite::Sqlite;
use diesel_async::RunQueryDsl;
use domain::{AuthVersion, Message, MessageId, SessionId, Timestamp, UserId};

use super::Conn;
use super::commit::Locked;
use crate::failure::Failure;
use crate::rows::{
    AccountRow, ConversationRow, HeadRow, LockedHeadRow, MemberRow, NewMemberRow, NewMentionRow,
    NewMessageRow, session_id,
};
use crate::schema::{
    accounts, conversation_heads, conversations, known_addresses, refresh_families,
};

/// Rows of one statement, and so no fewer than a full batch of the batcher has. A
/// message has 17 values, and a statement of SQLite at most 32,766.
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
/// ends: here by the transaction itself, beside which nobody writes.
pub(super) async fn lock_heads(
    conn: &mut Conn,
    conversations: &[i64],
    _locked: Locked,
) -> Result<Vec<LockedHeadRow>, Failure> {
    conversation_heads::table
        .inner_join(conversations::table)
        .filter(conversation_heads::conversation_id.eq_any(conversations))
        .select((HeadRow::as_select(), ConversationRow::as_select()))
        .load(conn)
        .await
        .map_err(Failure::from)
}

/// The time of what is being written, and ids for as many new messages.
pub(super) async fn now_and_ids(
    conn: &mut Conn,
    count: usize,
    clock: &dyn Clock,
) -> Result<(Timestamp, Vec<MessageId>), Failure> {
    let now = now(conn, clock).await?;
    if count == 0 {
        return Ok((now, Vec::new()));
    }
    let last: Option<i64> = sqlite_sequence::table
        .filter(sqlite_sequence::name.eq("messages"))
        .select(sqlite_sequence::seq)
        .first(conn)
        .await
        .optional()?;
    let ids: Vec<_> =
        (last.unwrap_or(0)..i64::MAX).take(count).map(|last| MessageId::new(last + 1)).collect();
    if ids.len() < count {
        return Err(Failure::Failed("message ids are used up".into()));
    }
    Ok((now, ids))
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

/// First members, with as few statements as can be.
pub(super) async fn insert_members(conn: &mut Conn, rows: Vec<NewMemberRow>) -> QueryResult<()> {
    insert_chunks(conn, rows, |conn, chunk| {
        let insert = diesel::insert_into(crate::schema::members::table).values(chunk);
        diesel::RunQueryDsl::execute(insert, conn).map(drop)
    })
    .await
}

/// What these accounts alone are shown became another.
pub(super) async fn raise_inbox_numbers(conn: &mut Conn, ids: &[i64]) -> QueryResult<()> {
    diesel::update(accounts::table.filter(accounts::id.eq_any(ids)))
        .set(accounts::inbox_no.eq(accounts::inbox_no + 1))
        .execute(conn)
        .await
        .map(drop)
}

/// Who is called by new messages, with as few statements as can be.
pub(super) async fn insert_mentions(conn: &mut Conn, rows: Vec<NewMentionRow>) -> QueryResult<()> {
    insert_chunks(conn, rows, |conn, chunk| {
        let insert = diesel::insert_into(crate::schema::mentions::table).values(chunk);
        diesel::RunQueryDsl::execute(insert, conn).map(drop)
    })
    .await
}

/// In place: this connection has its own way to insert many rows at once.
async fn insert_chunks<Row: Send + 'static>(
    conn: &mut Conn,
    rows: Vec<Row>,
    insert: fn(&mut SqliteConnection, Vec<Row>) -> QueryResult<()>,
) -> QueryResult<()> {
    if rows.is_empty() {
        return Ok(());
    }
    conn.spawn_blocking(move |conn| {
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            insert(conn, rows.by_ref().take(CHUNK).collect())?;
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

type MemberColumns = (BigInt, BigInt, Text, Text, BigInt, Nullable<BigInt>, BigInt, BigInt);

impl Query for MembersAmong<'_> {
    type SqlType = MemberColumns;
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
            ") SELECT conversation_id, user_id, role, standing, seq_last, silenced_until, \
             visible_after, view_no FROM wanted CROSS JOIN members USING (conversation_id, user_id)",
        );
        Ok(())
    }
}

/// Moves read markers `(conversation, user, number)` forward where there is a row.
pub(super) async fn raise_markers(conn: &mut Conn, markers: &[(i64, i64, i64)]) -> QueryResult<()> {
    RaiseMarkers(markers).execute(conn).await.map(drop)
}

#[derive(Debug, Clone, Copy)]
struct RaiseMarkers<'a>(&'a [(i64, i64, i64)]);

impl QueryId for RaiseMarkers<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl diesel::query_dsl::RunQueryDsl<SqliteConnection> for RaiseMarkers<'_> {}

impl QueryFragment<Sqlite> for RaiseMarkers<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql("WITH raised (conversation_id, user_id, read_no) AS (VALUES ");
        for (index, (conversation, user, number)) in self.0.iter().enumerate() {
            out.push_sql(if index == 0 { "(" } else { ", (" });
            out.push_bind_param::<BigInt, _>(conversation)?;
            out.push_sql(", ");
            out.push_bind_param::<BigInt, _>(user)?;
            out.push_sql(", ");
            out.push_bind_param::<BigInt, _>(number)?;
            out.push_sql(")");
        }
        out.push_sql(
            ") UPDATE members SET read_no = raised.read_no FROM raised \
             WHERE members.conversation_id = raised.conversation_id \
             AND members.user_id = raised.user_id AND members.read_no < raised.read_no",
        );
        Ok(())
    }
}

/// When accounts `(id, moment)` were last seen, unless they hide that or were seen later.
pub(super) async fn raise_last_seen(conn: &mut Conn, moments: &[(i64, i64)]) -> QueryResult<()> {
    RaiseLastSeen(moments).execute(conn).await.map(drop)
}

#[derive(Debug, Clone, Copy)]
struct RaiseLastSeen<'a>(&'a [(i64, i64)]);

impl QueryId for RaiseLastSeen<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl diesel::query_dsl::RunQueryDsl<SqliteConnection> for RaiseLastSeen<'_> {}

impl QueryFragment<Sqlite> for RaiseLastSeen<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql("WITH seen (id, at) AS (VALUES ");
        for (index, (id, at)) in self.0.iter().enumerate() {
            out.push_sql(if index == 0 { "(" } else { ", (" });
            out.push_bind_param::<BigInt, _>(id)?;
            out.push_sql(", ");
            out.push_bind_param::<BigInt, _>(at)?;
            out.push_sql(")");
        }
        out.push_sql(
            ") UPDATE accounts SET last_seen_at = seen.at FROM seen \
             WHERE accounts.id = seen.id AND NOT hide_presence \
             AND coalesce(last_seen_at < seen.at, true)",
        );
        Ok(())
    }
}

/// The account, which nobody else alters until the transaction ends: here
/// nobody else writes at all.
pub(super) async fn lock_account(conn: &mut Conn, id: UserId) -> QueryResult<Option<AccountRow>> {
    accounts::table.find(id.get()).select(AccountRow::as_select()).first(conn).await.optional()
}

/// Whether the account is of this version, and stays so until the transaction ends.
pub(super) async fn keeps_version(
    conn: &mut Conn,
    id: UserId,
    version: AuthVersion,
) -> QueryResult<bool> {
    let same = accounts::table.find(id.get()).filter(accounts::auth_version.eq(version.get()));
    diesel::select(diesel::dsl::exists(same)).get_result(conn).await
}

/// Some sessions that ended before `now`.
pub(super) async fn expired_sessions(
    conn: &mut Conn,
    now: Timestamp,
    limit: i64,
) -> QueryResult<Vec<SessionId>> {
    let expired: Vec<i64> = refresh_families::table
        .filter(refresh_families::forget_at.le(now.micros()))
        .order(refresh_families::forget_at)
        .limit(limit)
        .select(refresh_families::session_id)
        .load(conn)
        .await?;
    Ok(expired.into_iter().map(session_id).collect())
}

/// Some addresses that nobody knows any longer at `now`.
pub(super) async fn ended_addresses(
    conn: &mut Conn,
    now: Timestamp,
    limit: i64,
) -> QueryResult<Vec<Vec<u8>>> {
    known_addresses::table
        .filter(known_addresses::until.le(now.micros()))
        .order(known_addresses::until)
        .limit(limit)
        .select(known_addresses::digest)
        .load(conn)
        .await
}
