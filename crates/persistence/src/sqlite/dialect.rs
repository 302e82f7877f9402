//! What has to be said in SQLite's way.

use std::sync::Arc;

use application::ports::Clock;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};
use diesel_async::RunQueryDsl;
use domain::{AuthVersion, Head, Message, MessageId, SessionId, Timestamp, UserId};

use super::Conn;
use super::batches::{AboutRows, InsertMessages, SentBefore, SentName};
use super::store::commit::Locked;
use crate::failure::Failure;
use crate::rows::{
    AccountRow, LockedHeadColumns, LockedHeadRow, MemberColumns, MemberRow, NewMemberRow,
    NewMentionRow, NewMessageRow, session_id,
};
use crate::schema::{accounts, known_addresses, sessions};

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
    let rows: Vec<[i64; 1]> = conversations.iter().map(|id| [*id]).collect();
    LockHeads::new(
        "WITH wanted (id) AS",
        &rows,
        "SELECT heads.conversation_id, seq, msg_no, last_at, conversations.id, kind, \
         direct_low, direct_high, title, topic, history, view_version, deleted_at, seq_last \
         FROM wanted CROSS JOIN conversation_heads AS heads \
         ON heads.conversation_id = wanted.id \
         CROSS JOIN conversations ON conversations.id = wanted.id",
    )
    .load(conn)
    .await
    .map_err(Failure::from)
}

type LockHeads<'a> = AboutRows<'a, 1, LockedHeadColumns>;
/// Moves heads that are locked.
pub(super) async fn move_heads(conn: &mut Conn, heads: &[Head]) -> QueryResult<()> {
    let rows: Vec<[i64; 4]> = heads.iter().map(numbers_of_head).collect();
    AboutRows::<4>::new(
        "WITH moved (conversation_id, seq, msg_no, last_at) AS",
        &rows,
        "UPDATE conversation_heads AS heads \
         SET seq = moved.seq, msg_no = moved.msg_no, last_at = moved.last_at \
         FROM moved WHERE heads.conversation_id = moved.conversation_id",
    )
    .execute(conn)
    .await
    .map(drop)
}

fn numbers_of_head(head: &Head) -> [i64; 4] {
    [head.conversation.get(), head.seq.get(), head.msg_no.get(), head.last_at.micros()]
}

/// Those of the accounts that there are: `(id, username, active, superuser)`.
pub(super) async fn accounts_among(
    conn: &mut Conn,
    ids: &[i64],
) -> QueryResult<Vec<(i64, String, bool, bool)>> {
    let rows: Vec<[i64; 1]> = ids.iter().map(|id| [*id]).collect();
    AboutRows::<1, (BigInt, Text, Bool, Bool)>::new(
        "WITH wanted (id) AS",
        &rows,
        "SELECT id, username, active, superuser FROM wanted CROSS JOIN accounts USING (id)",
    )
    .load(conn)
    .await
}

/// The ids of those messages that are there, by what their senders call them.
pub(super) async fn sent_before(conn: &mut Conn, names: &[SentName]) -> QueryResult<Vec<i64>> {
    SentBefore(names).load(conn).await
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
            diesel::RunQueryDsl::execute(InsertMessages(&rows), conn)?;
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
        .set(accounts::inbox_version.eq(accounts::inbox_version + 1))
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
    let rows: Vec<[i64; 2]> = keys.iter().map(|key| (*key).into()).collect();
    MembersAmong::new(
        "WITH wanted (conversation_id, user_id) AS",
        &rows,
        "SELECT conversation_id, user_id, role, status, seq_last, silenced_until, \
         visible_after, view_version \
         FROM wanted CROSS JOIN members USING (conversation_id, user_id)",
    )
    .load(conn)
    .await
}

/// A join looks up each pair by the primary key. Two lists would look up every
/// conversation with every user, and for a list of pairs SQLite reads the whole table.
type MembersAmong<'a> = AboutRows<'a, 2, MemberColumns>;

/// Moves read markers `(conversation, user, number)` forward where there is a row.
pub(super) async fn raise_markers(conn: &mut Conn, markers: &[(i64, i64, i64)]) -> QueryResult<()> {
    let rows: Vec<[i64; 3]> = markers.iter().map(|marker| (*marker).into()).collect();
    AboutRows::<3>::new(
        "WITH raised (conversation_id, user_id, read_no) AS",
        &rows,
        "UPDATE members SET read_no = raised.read_no FROM raised \
         WHERE members.conversation_id = raised.conversation_id \
         AND members.user_id = raised.user_id AND members.read_no < raised.read_no",
    )
    .execute(conn)
    .await
    .map(drop)
}

/// When accounts `(id, moment)` were last seen, unless they hide that or were seen later.
pub(super) async fn raise_last_seen(conn: &mut Conn, moments: &[(i64, i64)]) -> QueryResult<()> {
    let rows: Vec<[i64; 2]> = moments.iter().map(|moment| (*moment).into()).collect();
    AboutRows::<2>::new(
        "WITH seen (id, at) AS",
        &rows,
        "UPDATE accounts SET last_seen_at = seen.at FROM seen \
         WHERE accounts.id = seen.id AND NOT hide_presence \
         AND coalesce(last_seen_at < seen.at, true)",
    )
    .execute(conn)
    .await
    .map(drop)
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
    let expired: Vec<i64> = sessions::table
        .filter(sessions::forget_at.le(now.micros()))
        .order(sessions::forget_at)
        .limit(limit)
        .select(sessions::session_id)
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
