//! The statements that are specific to PostgreSQL.

use std::sync::Arc;

use application::ports::Clock;
use diesel::expression::Expression;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Nullable, Text};
use diesel_async::RunQueryDsl;
use domain::{AuthVersion, Message, MessageId, Timestamp, UserId};

use super::Conn;
use super::batches::{InsertMessages, ListStatement, NowAndIds, SentBefore, columns};
use super::store::commit::Locked;
use crate::failure::Failure;
use crate::rows::{AccountRow, LockedHeadRow, MemberRow, NewMentionRow, NewMessageRow};
use crate::schema::{accounts, known_addresses, members, mentions, sessions};

/// Rows in one statement: at least a full batch of the batcher. A member has eight values, and
/// PostgreSQL allows 65,535 in a statement.
pub(super) const CHUNK: usize = 1_024;

/// Loads the rows of each query, all in one round trip once their statements are prepared.
macro_rules! load_together {
    ($conn:expr, $($query:expr),+ $(,)?) => {{
        let conn: &Conn = $conn;
        tokio::try_join!($($query.load(&mut &*conn)),+)?
    }};
}
pub(super) use load_together;

diesel::define_sql_function! {
    /// All ids in one value.
    #[aggregate]
    #[sql_name = "array_agg"]
    fn id_list(ids: BigInt) -> diesel::sql_types::Nullable<Array<BigInt>>;
}

/// What `id_list` returns.
pub(super) type IdList = Vec<i64>;

#[expect(clippy::unnecessary_wraps, reason = "other dialects parse a text")]
pub(super) fn ids(list: &[i64]) -> Option<Vec<i64>> {
    Some(list.to_vec())
}

/// The time of a write. All nodes use the clock of the database.
pub(super) async fn now(conn: &mut Conn, clock: &dyn Clock) -> Result<Timestamp, Failure> {
    Ok(now_and_ids(conn, 0, clock).await?.0)
}

/// The time of a write, and ids for `count` new messages.
pub(super) async fn now_and_ids(
    conn: &mut Conn,
    count: usize,
    _clock: &dyn Clock,
) -> Result<(Timestamp, Vec<MessageId>), Failure> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let (now, ids): (i64, Vec<i64>) = NowAndIds(count).get_result(conn).await?;
    Ok((Timestamp::from_micros(now), ids.into_iter().map(MessageId::new).collect()))
}

/// Registrations of equal names, or of equal addresses, wait for each other until the transaction
/// ends. No unique index can decide, because equal names may exist.
pub(super) async fn lock_names(
    conn: &mut Conn,
    username: &str,
    email: Option<&str>,
) -> QueryResult<()> {
    // Names before addresses, so that no two wait for each other.
    diesel::sql_query(
        "select pg_advisory_xact_lock(hashtext('username'), hashtext($1)), \
         pg_advisory_xact_lock(hashtext('email'), hashtext($2))",
    )
    .bind::<Text, _>(username)
    .bind::<Nullable<Text>, _>(email)
    .execute(conn)
    .await
    .map(drop)
}

/// Heads with their conversations, locked in the order of ids until the transaction ends.
pub(super) async fn lock_heads(
    conn: &mut Conn,
    conversations: &[i64],
    locked: Locked,
) -> QueryResult<Vec<LockedHeadRow>> {
    let selection = <LockedHeadRow as Selectable<Pg>>::construct_selection();
    LockHeads { selection, conversations, locked }.load(conn).await
}

/// The query builder can lock the rows of all joined tables or of none.
struct LockHeads<'a, Selection> {
    selection: Selection,
    conversations: &'a [i64],
    locked: Locked,
}

impl<Selection: Expression> Query for LockHeads<'_, Selection> {
    type SqlType = Selection::SqlType;
}

impl<Selection> QueryId for LockHeads<'_, Selection> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Selection: QueryFragment<Pg>> QueryFragment<Pg> for LockHeads<'_, Selection> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("select ");
        self.selection.walk_ast(out.reborrow())?;
        out.push_sql(
            " from conversation_heads \
             join conversations on conversations.id = conversation_heads.conversation_id \
             where conversation_heads.conversation_id = any(",
        );
        out.push_bind_param::<Array<BigInt>, _>(self.conversations)?;
        out.push_sql(
            ") order by conversation_heads.conversation_id for no key update of conversation_heads",
        );
        if self.locked == Locked::LeaveOut {
            out.push_sql(" skip locked");
        }
        Ok(())
    }
}

/// Writes the heads `[conversation, seq, number, time]`.
pub(super) async fn move_heads(conn: &mut Conn, heads: &[[i64; 4]]) -> QueryResult<()> {
    ListStatement::update(
        "update conversation_heads h \
         set seq = moved.seq, msg_no = moved.msg_no, last_at = moved.last_at from",
        heads,
        "as moved (conversation_id, seq, msg_no, last_at) \
         where h.conversation_id = moved.conversation_id",
    )
    .execute(conn)
    .await
    .map(drop)
}

/// The existing accounts among `ids`: `(id, username, active, superuser)`.
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

/// The ids of messages that were already sent under these names.
pub(super) async fn sent_before(
    conn: &mut Conn,
    names: &[(i64, i64, [u8; 16])],
) -> QueryResult<Vec<i64>> {
    let conversations = names.iter().map(|(conversation, _, _)| *conversation).collect();
    let authors = names.iter().map(|(_, author, _)| *author).collect();
    let client_ids = names.iter().map(|(_, _, client_id)| client_id.as_slice()).collect();
    SentBefore { conversations, authors, client_ids }.load(conn).await
}

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

pub(super) async fn insert_members(conn: &mut Conn, rows: Vec<MemberRow>) -> QueryResult<()> {
    for chunk in rows.chunks(CHUNK) {
        diesel::insert_into(members::table).values(chunk).execute(conn).await?;
    }
    Ok(())
}

/// Like every statement, locks accounts in the order of ids, to prevent deadlocks.
pub(super) async fn raise_inbox_versions(conn: &mut Conn, ids: &[i64]) -> QueryResult<()> {
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

pub(super) async fn insert_mentions(conn: &mut Conn, rows: Vec<NewMentionRow>) -> QueryResult<()> {
    for chunk in rows.chunks(CHUNK) {
        diesel::insert_into(mentions::table).values(chunk).execute(conn).await?;
    }
    Ok(())
}

/// The existing members among `[conversation, user]`. A join looks up each pair by the primary key.
pub(super) async fn members_among(
    conn: &mut Conn,
    keys: &[[i64; 2]],
) -> QueryResult<Vec<MemberRow>> {
    ListStatement::select(
        <MemberRow as Selectable<Pg>>::construct_selection(),
        " from members join",
        keys,
        "as wanted (conversation_id, user_id) using (conversation_id, user_id)",
    )
    .load(conn)
    .await
}

/// Raises the read markers `[conversation, user, number]` of existing members.
pub(super) async fn raise_markers(conn: &mut Conn, markers: &[[i64; 3]]) -> QueryResult<()> {
    ListStatement::update(
        "update members m set read_no = r.read_no from",
        markers,
        "as r (conversation_id, user_id, read_no) \
         where m.conversation_id = r.conversation_id and m.user_id = r.user_id \
         and m.read_no < r.read_no",
    )
    .execute(conn)
    .await
    .map(drop)
}

/// Raises the last-seen times of accounts `[id, time]`, except those that hide their presence.
/// Accounts are locked in the order of [`raise_inbox_versions`].
pub(super) async fn raise_last_seen(conn: &mut Conn, times: &[[i64; 2]]) -> QueryResult<()> {
    let [ids, times] = columns(times, |time| *time);
    diesel::sql_query(
        "with locked as materialized (\
             select a.id, s.at from unnest($1, $2) as s (id, at) \
             join accounts a on a.id = s.id and not a.hide_presence \
             and coalesce(a.last_seen_at < s.at, true) \
             order by a.id for no key update of a\
         ) update accounts set last_seen_at = locked.at from locked where accounts.id = locked.id",
    )
    .bind::<Array<BigInt>, _>(ids)
    .bind::<Array<BigInt>, _>(times)
    .execute(conn)
    .await
    .map(drop)
}

/// The account, locked until the transaction ends.
pub(super) async fn lock_account(conn: &mut Conn, id: UserId) -> QueryResult<Option<AccountRow>> {
    accounts::table
        .find(id.get())
        .select(AccountRow::as_select())
        .for_no_key_update()
        .first(conn)
        .await
        .optional()
}

/// Whether the account still has this version. Locks the version until the transaction ends.
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

/// Up to `limit` sessions that expired before `now`, except those that another node is deleting.
pub(super) async fn expired_sessions(
    conn: &mut Conn,
    now: Timestamp,
    limit: i64,
) -> QueryResult<Vec<i64>> {
    sessions::table
        .filter(sessions::forget_at.le(now.micros()))
        .order(sessions::forget_at)
        .limit(limit)
        .select(sessions::session_id)
        .for_update()
        .skip_locked()
        .load(conn)
        .await
}

/// Up to `limit` addresses that expired before `now`, except those that another node is deleting.
pub(super) async fn expired_addresses(
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
