//! What has to be said in PostgreSQL's way.

use std::sync::Arc;

use application::ports::Clock;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt};
use diesel_async::RunQueryDsl;
use domain::{AuthVersion, Head, Message, MessageId, SessionId, Timestamp, UserId};

use super::Conn;
use super::batches::{AboutRows, InsertMessages, NowAndIds, SentBefore};
use super::store::commit::Locked;
use crate::failure::Failure;
use crate::rows::{
    AccountRow, LockedHeadColumns, LockedHeadRow, MemberColumns, MemberRow, NewMemberRow,
    NewMentionRow, NewMessageRow, session_id,
};
use crate::schema::{accounts, known_addresses, members, mentions, sessions};

/// Rows of one statement, and so no fewer than a full batch of the batcher has. A
/// member has ten values, and a statement of PostgreSQL at most 65,535.
pub(super) const CHUNK: usize = 1_024;

/// The time of what is being written: the database's, by which all nodes go.
pub(super) async fn now(conn: &mut Conn, clock: &dyn Clock) -> Result<Timestamp, Failure> {
    Ok(now_and_ids(conn, 0, clock).await?.0)
}

/// The time of what is being written, and ids for as many new messages.
pub(super) async fn now_and_ids(
    conn: &mut Conn,
    count: usize,
    _clock: &dyn Clock,
) -> Result<(Timestamp, Vec<MessageId>), Failure> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let (now, ids): (i64, Vec<i64>) = NowAndIds(count).get_result(conn).await?;
    Ok((Timestamp::from_micros(now), ids.into_iter().map(MessageId::new).collect()))
}

/// Heads with the kinds of their conversations, locked until the transaction
/// ends, one after the other by id.
pub(super) async fn lock_heads(
    conn: &mut Conn,
    conversations: &[i64],
    locked: Locked,
) -> Result<Vec<LockedHeadRow>, Failure> {
    let rows: QueryResult<Vec<LockedHeadRow>> =
        LockHeads { conversations, locked }.load(conn).await;
    // Nothing but the wait for a lock can fail here.
    rows.map_err(|error| Failure::Unreachable(error.into()))
}

/// The query builder can lock rows of all tables of a join or of none.
#[derive(Debug, Clone, Copy)]
struct LockHeads<'a> {
    conversations: &'a [i64],
    locked: Locked,
}

impl Query for LockHeads<'_> {
    type SqlType = LockedHeadColumns;
}

impl QueryId for LockHeads<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<Pg> for LockHeads<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "select h.conversation_id, h.seq, h.msg_no, h.last_at, c.id, c.kind, c.direct_low, \
             c.direct_high, c.title, c.topic, c.history, c.view_version, c.deleted_at, c.seq_last \
             from conversation_heads h join conversations c on c.id = h.conversation_id \
             where h.conversation_id = any(",
        );
        out.push_bind_param::<Array<BigInt>, _>(self.conversations)?;
        out.push_sql(") order by h.conversation_id for no key update of h");
        if self.locked == Locked::LeaveOut {
            out.push_sql(" skip locked");
        }
        Ok(())
    }
}

/// Moves heads that are locked.
pub(super) async fn move_heads(conn: &mut Conn, heads: &[Head]) -> QueryResult<()> {
    let conversations = heads.iter().map(|head| head.conversation.get()).collect();
    let seqs = heads.iter().map(|head| head.seq.get()).collect();
    let numbers = heads.iter().map(|head| head.msg_no.get()).collect();
    let moments = heads.iter().map(|head| head.last_at.micros()).collect();
    let move_heads = AboutRows::<4>::new(
        "update conversation_heads h \
         set seq = moved.seq, msg_no = moved.msg_no, last_at = moved.last_at from",
        [conversations, seqs, numbers, moments],
        "as moved (conversation_id, seq, msg_no, last_at) \
         where h.conversation_id = moved.conversation_id",
    );
    move_heads.execute(conn).await.map(drop)
}

/// Those of the accounts that there are: `(id, username, active, superuser)`.
pub(super) async fn accounts_among(
    conn: &mut Conn,
    ids: &[i64],
) -> QueryResult<Vec<(i64, String, bool, bool)>> {
    accounts::table
        .filter(accounts::id.eq_any(ids))
        .select((accounts::id, accounts::username, accounts::active, accounts::superuser))
        .load(conn)
        .await
}

/// The ids of those messages that are there, by what their senders call them.
pub(super) async fn sent_before(
    conn: &mut Conn,
    names: &[(i64, i64, [u8; 16])],
) -> QueryResult<Vec<i64>> {
    let conversations = names.iter().map(|(conversation, _, _)| *conversation).collect();
    let authors = names.iter().map(|(_, author, _)| *author).collect();
    let client_ids = names.iter().map(|(_, _, client_id)| client_id.as_slice()).collect();
    SentBefore { conversations, authors, client_ids }.load(conn).await
}

/// New messages, with as few statements as can be.
pub(super) async fn insert_messages(
    conn: &mut Conn,
    created: Vec<Arc<Message>>,
) -> QueryResult<()> {
    for chunk in created.chunks(CHUNK) {
        let rows: Vec<_> = chunk.iter().map(|message| NewMessageRow::from(&**message)).collect();
        InsertMessages::new(&rows).execute(conn).await?;
    }
    Ok(())
}

/// First members, with as few statements as can be.
pub(super) async fn insert_members(conn: &mut Conn, rows: Vec<NewMemberRow>) -> QueryResult<()> {
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let chunk: Vec<_> = rows.by_ref().take(CHUNK).collect();
        diesel::insert_into(members::table).values(chunk).execute(conn).await?;
    }
    Ok(())
}

/// What these accounts alone are shown became another. They are locked by id, as
/// others lock them, so that nobody waits in a circle.
pub(super) async fn raise_inbox_numbers(conn: &mut Conn, ids: &[i64]) -> QueryResult<()> {
    diesel::sql_query(
        "with locked as materialized (\
             select id from accounts where id = any($1) order by id for no key update\
         ) update accounts set inbox_version = inbox_version + 1 from locked where accounts.id = locked.id",
    )
    .bind::<Array<BigInt>, _>(ids)
    .execute(conn)
    .await
    .map(drop)
}

/// Who is called by new messages, with as few statements as can be.
pub(super) async fn insert_mentions(conn: &mut Conn, rows: Vec<NewMentionRow>) -> QueryResult<()> {
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let chunk: Vec<_> = rows.by_ref().take(CHUNK).collect();
        diesel::insert_into(mentions::table).values(chunk).execute(conn).await?;
    }
    Ok(())
}

/// Those of the members `(conversation, user)` that have a row.
pub(super) async fn members_among(
    conn: &mut Conn,
    keys: &[(i64, i64)],
) -> QueryResult<Vec<MemberRow>> {
    let (conversations, users) = keys.iter().copied().unzip();
    // A join looks up each pair by the primary key.
    let members_among = AboutRows::<2, MemberColumns>::new(
        "select conversation_id, user_id, role, status, seq_last, silenced_until, \
         visible_after, view_version from members join",
        [conversations, users],
        "as wanted (conversation_id, user_id) using (conversation_id, user_id)",
    );
    members_among.load(conn).await
}

/// Moves read markers `(conversation, user, number)` forward where there is a row.
pub(super) async fn raise_markers(conn: &mut Conn, markers: &[(i64, i64, i64)]) -> QueryResult<()> {
    let conversations: Vec<i64> =
        markers.iter().map(|(conversation, _, _)| *conversation).collect();
    let users: Vec<i64> = markers.iter().map(|(_, user, _)| *user).collect();
    let numbers: Vec<i64> = markers.iter().map(|(_, _, number)| *number).collect();
    let raise = AboutRows::<3>::new(
        "update members m set read_no = r.read_no from",
        [conversations, users, numbers],
        "as r (conversation_id, user_id, read_no) \
         where m.conversation_id = r.conversation_id and m.user_id = r.user_id \
         and m.read_no < r.read_no",
    );
    raise.execute(conn).await.map(drop)
}

/// When accounts `(id, moment)` were last seen, unless they hide that or were seen later.
/// They are locked as [`raise_inbox_numbers`] locks them.
pub(super) async fn raise_last_seen(conn: &mut Conn, moments: &[(i64, i64)]) -> QueryResult<()> {
    let (ids, moments): (Vec<i64>, Vec<i64>) = moments.iter().copied().unzip();
    diesel::sql_query(
        "with locked as materialized (\
             select a.id, s.at from unnest($1, $2) as s (id, at) \
             join accounts a on a.id = s.id and not a.hide_presence \
             and coalesce(a.last_seen_at < s.at, true) \
             order by a.id for no key update of a\
         ) update accounts set last_seen_at = locked.at from locked where accounts.id = locked.id",
    )
    .bind::<Array<BigInt>, _>(ids)
    .bind::<Array<BigInt>, _>(moments)
    .execute(conn)
    .await
    .map(drop)
}

/// The account, which nobody else alters until the transaction ends.
pub(super) async fn lock_account(conn: &mut Conn, id: UserId) -> QueryResult<Option<AccountRow>> {
    accounts::table
        .find(id.get())
        .select(AccountRow::as_select())
        .for_no_key_update()
        .first(conn)
        .await
        .optional()
}

/// Whether the account is of this version, and stays so until the transaction ends.
pub(super) async fn keeps_version(
    conn: &mut Conn,
    id: UserId,
    version: AuthVersion,
) -> QueryResult<bool> {
    let same: Option<i64> = accounts::table
        .find(id.get())
        .filter(accounts::auth_version.eq(version.get()))
        .select(accounts::id)
        .for_share()
        .first(conn)
        .await
        .optional()?;
    Ok(same.is_some())
}

/// Some sessions that ended before `now`, but for those that somebody else forgets.
pub(super) async fn expired_sessions(
    conn: &mut Conn,
    now: Timestamp,
    limit: i64,
) -> QueryResult<Vec<SessionId>> {
    let expired: Vec<i64> = sessions::table
        .filter(sessions::forget_at.le(now.micros()))
        .order(sessions::forget_at)
        .limit(limit)
        .select(sessions::session_id)
        .for_update()
        .skip_locked()
        .load(conn)
        .await?;
    Ok(expired.into_iter().map(session_id).collect())
}

/// Some addresses that nobody knows any longer at `now`, but for those that somebody else forgets.
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
        .for_update()
        .skip_locked()
        .load(conn)
        .await
}
