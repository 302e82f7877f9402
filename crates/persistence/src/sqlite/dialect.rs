//! The statements that are specific to SQLite.

use std::sync::Arc;

use application::ports::Clock;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use diesel_async::RunQueryDsl;
use domain::{AuthVersion, Message, MessageId, Timestamp, UserId};

use super::Conn;
use super::batches::{InsertMessages, ListStatement, SentBefore, SentName};
use super::store::commit::Locked;
use crate::failure::Failure;
use crate::rows::{AccountRow, LockedHeadRow, MemberRow, NewMentionRow, NewMessageRow};
use crate::schema::{accounts, known_addresses, sessions};

/// Rows in one statement: at least a full batch of the batcher. A message has 17 values, and SQLite
/// allows 32,766 in a statement.
pub(super) const CHUNK: usize = 1_024;

/// Loads the rows of each query. Each is a call within the process.
macro_rules! load_together {
    ($conn:expr, $($query:expr),+ $(,)?) => {{
        let conn: &mut Conn = $conn;
        ($($query.load(conn).await?),+)
    }};
}
pub(super) use load_together;

diesel::table! {
    /// SQLite's internal table of the last id of each table.
    sqlite_sequence (name) {
        name -> Text,
        seq -> BigInt,
    }
}

diesel::define_sql_function! {
    /// All ids in one value, separated by commas.
    #[aggregate]
    #[sql_name = "group_concat"]
    fn id_list(ids: diesel::sql_types::BigInt) -> diesel::sql_types::Nullable<diesel::sql_types::Text>;
}

/// What `id_list` returns.
pub(super) type IdList = String;

/// `None` if one is not a number.
pub(super) fn ids(list: &str) -> Option<Vec<i64>> {
    list.split(',').map(|id| id.parse().ok()).collect()
}

/// The time of a write. Uses the clock of this machine, the only one that writes.
#[expect(clippy::unused_async, reason = "other dialects ask the database")]
pub(super) async fn now(_conn: &mut Conn, clock: &dyn Clock) -> Result<Timestamp, Failure> {
    Ok(clock.now())
}

/// Registrations are written one after the other.
#[expect(clippy::unused_async, reason = "other dialects ask the database")]
pub(super) async fn lock_names(
    _conn: &mut Conn,
    _username: &str,
    _email: Option<&str>,
) -> QueryResult<()> {
    Ok(())
}

/// Heads with their conversations. The write transaction already locks the whole database.
pub(super) async fn lock_heads(
    conn: &mut Conn,
    conversations: &[i64],
    _locked: Locked,
) -> QueryResult<Vec<LockedHeadRow>> {
    let rows: Vec<[i64; 1]> = conversations.iter().map(|id| [*id]).collect();
    ListStatement::select(
        "wanted (id)",
        &rows,
        selection_of::<LockedHeadRow>(),
        " FROM wanted CROSS JOIN conversation_heads \
         ON conversation_heads.conversation_id = wanted.id \
         CROSS JOIN conversations ON conversations.id = wanted.id",
    )
    .load(conn)
    .await
}

fn selection_of<Row: Selectable<Sqlite>>() -> Row::SelectExpression {
    Row::construct_selection()
}

/// Writes the heads `[conversation, seq, number, time]`.
pub(super) async fn move_heads(conn: &mut Conn, heads: &[[i64; 4]]) -> QueryResult<()> {
    ListStatement::update(
        "moved (conversation_id, seq, msg_no, last_at)",
        heads,
        "UPDATE conversation_heads AS heads \
         SET seq = moved.seq, msg_no = moved.msg_no, last_at = moved.last_at \
         FROM moved WHERE heads.conversation_id = moved.conversation_id",
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
    let rows: Vec<[i64; 1]> = ids.iter().map(|id| [*id]).collect();
    ListStatement::select(
        "wanted (id)",
        &rows,
        (accounts::id, accounts::username, accounts::active, accounts::superuser),
        " FROM wanted CROSS JOIN accounts USING (id)",
    )
    .load(conn)
    .await
}

/// The ids of messages that were already sent under these names.
pub(super) async fn sent_before(conn: &mut Conn, names: &[SentName]) -> QueryResult<Vec<i64>> {
    SentBefore(names).load(conn).await
}

/// The time of a write, and ids for `count` new messages.
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

pub(super) async fn insert_members(conn: &mut Conn, rows: Vec<MemberRow>) -> QueryResult<()> {
    insert_chunks(conn, rows, |conn, chunk| {
        let insert = diesel::insert_into(crate::schema::members::table).values(chunk);
        diesel::RunQueryDsl::execute(insert, conn).map(drop)
    })
    .await
}

pub(super) async fn raise_inbox_versions(conn: &mut Conn, ids: &[i64]) -> QueryResult<()> {
    diesel::update(accounts::table.filter(accounts::id.eq_any(ids)))
        .set(accounts::inbox_version.eq(accounts::inbox_version + 1))
        .execute(conn)
        .await
        .map(drop)
}

pub(super) async fn insert_mentions(conn: &mut Conn, rows: Vec<NewMentionRow>) -> QueryResult<()> {
    insert_chunks(conn, rows, |conn, chunk| {
        let insert = diesel::insert_into(crate::schema::mentions::table).values(chunk);
        diesel::RunQueryDsl::execute(insert, conn).map(drop)
    })
    .await
}

/// Uses the blocking connection, because diesel-async cannot insert a list of rows into SQLite.
async fn insert_chunks<Row: Send + 'static>(
    conn: &mut Conn,
    rows: Vec<Row>,
    insert: fn(&mut SqliteConnection, &[Row]) -> QueryResult<()>,
) -> QueryResult<()> {
    if rows.is_empty() {
        return Ok(());
    }
    conn.spawn_blocking(move |conn| rows.chunks(CHUNK).try_for_each(|chunk| insert(conn, chunk)))
        .await
}

/// The existing members among `[conversation, user]`. A join finds each pair by the primary key. Two
/// lists would look up every conversation with every user, and a list of pairs would scan the table.
pub(super) async fn members_among(
    conn: &mut Conn,
    keys: &[[i64; 2]],
) -> QueryResult<Vec<MemberRow>> {
    ListStatement::select(
        "wanted (conversation_id, user_id)",
        keys,
        selection_of::<MemberRow>(),
        " FROM wanted CROSS JOIN members USING (conversation_id, user_id)",
    )
    .load(conn)
    .await
}

/// Raises the read markers `[conversation, user, number]` of existing members.
pub(super) async fn raise_markers(conn: &mut Conn, markers: &[[i64; 3]]) -> QueryResult<()> {
    ListStatement::update(
        "raised (conversation_id, user_id, read_no)",
        markers,
        "UPDATE members SET read_no = raised.read_no FROM raised \
         WHERE members.conversation_id = raised.conversation_id \
         AND members.user_id = raised.user_id AND members.read_no < raised.read_no",
    )
    .execute(conn)
    .await
    .map(drop)
}

/// Raises the last-seen times of accounts `[id, time]`, except those that hide their presence.
pub(super) async fn raise_last_seen(conn: &mut Conn, times: &[[i64; 2]]) -> QueryResult<()> {
    ListStatement::update(
        "seen (id, at)",
        times,
        "UPDATE accounts SET last_seen_at = seen.at FROM seen \
         WHERE accounts.id = seen.id AND NOT hide_presence \
         AND coalesce(last_seen_at < seen.at, true)",
    )
    .execute(conn)
    .await
    .map(drop)
}

/// The account. The write transaction already locks the whole database.
pub(super) async fn lock_account(conn: &mut Conn, id: UserId) -> QueryResult<Option<AccountRow>> {
    accounts::table.find(id.get()).select(AccountRow::as_select()).first(conn).await.optional()
}

/// Whether the account still has this version. The write transaction keeps it unchanged.
pub(super) async fn keeps_version(
    conn: &mut Conn,
    id: UserId,
    version: AuthVersion,
) -> QueryResult<bool> {
    let same = accounts::table.find(id.get()).filter(accounts::auth_version.eq(version.get()));
    diesel::select(diesel::dsl::exists(same)).get_result(conn).await
}

/// Up to `limit` sessions that expired before `now`.
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
        .load(conn)
        .await
}

/// Up to `limit` addresses that expired before `now`.
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
        .load(conn)
        .await
}
