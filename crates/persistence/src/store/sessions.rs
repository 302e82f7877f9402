//! Loads and saves sessions. [`domain::Session`] has the rules.

use application::ports::{ActiveSession, Clock, NewSession, Rotation, SessionCursor};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use domain::{
    Account, AuthVersion, Exchange, RefreshToken, ReplayRule, Session, SessionId, Successor,
    Timestamp, TokenId, UserId,
};

use super::{Conn, accounts, dialect};
use crate::failure::Failure;
use crate::rows::{ActiveSessionRow, SessionRow, session_id, session_number};
use crate::schema::{rotated_tokens, sessions};

/// Expired sessions that one sign-in or exchange deletes.
const DELETED_AT_ONCE: i64 = 32;

/// Inserts a session if the account still has this version. Returns whether it did. Within a
/// transaction.
pub(super) async fn open(
    conn: &mut Conn,
    user: UserId,
    version: AuthVersion,
    new: NewSession,
) -> QueryResult<bool> {
    let unchanged = dialect::keeps_version(conn, user, version).await?;
    if unchanged {
        insert_new(conn, user, new).await?;
    }
    Ok(unchanged)
}

/// Deletes expired sessions and inserts a new one. Within a transaction.
pub(super) async fn insert_new(conn: &mut Conn, user: UserId, new: NewSession) -> QueryResult<()> {
    let NewSession { session, first, opened_at } = new;
    delete_expired(conn, opened_at).await?;
    insert(conn, &Session::new(session, user, first), opened_at).await
}

/// Exchanges a refresh token. Within a transaction.
pub(super) async fn rotate(
    conn: &mut Conn,
    user: UserId,
    presented: RefreshToken,
    next: Successor,
    now: Timestamp,
    rule: ReplayRule,
) -> Result<Rotation, Failure> {
    // Every change to a session locks its account first, which serializes the changes.
    let account = dialect::lock_account(conn, user).await?;
    let account = account.map(Account::try_from).transpose()?;
    delete_expired(conn, now).await?;
    let known = of_token(conn, &presented.id).await?;
    let is_new = known.is_none();
    let exchange = Session::exchange(known, account.as_ref(), &presented, next, now, rule);
    Ok(match (exchange, account) {
        (Exchange::Rotated(session), Some(account)) => {
            if is_new {
                insert(conn, &session, now).await?;
            } else {
                update(conn, &session).await?;
            }
            remember(conn, session.id, &presented.id, now).await?;
            delete_stale(conn, &session).await?;
            Rotation::Rotated(account, session.current)
        }
        (Exchange::Replayed(token), Some(account)) => Rotation::Replayed(account, token),
        (Exchange::Stolen(session), _) => {
            update(conn, &session).await?;
            accounts::raise_auth_version(conn, session.user).await?;
            Rotation::Spent
        }
        (Exchange::Refused, _) => Rotation::Spent,
        (_, None) | (Exchange::NoAccount, _) => Rotation::NoAccount,
    })
}

/// Whether a refresh token is spent or revoked. Within a snapshot.
pub(super) async fn is_spent(conn: &mut Conn, id: &TokenId) -> Result<bool, Failure> {
    let session = of_token(conn, id).await?;
    Ok(session.is_some_and(|session| !session.is_current(id)))
}

/// The active sessions of an account, the most recently used first.
pub(super) async fn active(
    conn: &mut Conn,
    user: UserId,
    before: Option<SessionCursor>,
    now: Timestamp,
    limit: usize,
) -> QueryResult<Vec<ActiveSession>> {
    let (at, id) = before.map_or((i64::MAX, i64::MAX), |cursor| {
        (cursor.used_at.micros(), session_number(cursor.session))
    });
    let rows: Vec<ActiveSessionRow> = sessions::table
        .filter(sessions::user_id.eq(user.get()))
        .filter(sessions::revoked.eq(false))
        .filter(sessions::issued_at.le(at))
        .filter(sessions::issued_at.lt(at).or(sessions::session_id.lt(id)))
        .filter(sessions::expires_at.gt(now.micros()))
        .order((sessions::issued_at.desc(), sessions::session_id.desc()))
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select(ActiveSessionRow::as_select())
        .load(conn)
        .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// Ends a session of this account. Returns whether it was active. Within a transaction.
pub(super) async fn revoke(conn: &mut Conn, user: UserId, session: SessionId) -> QueryResult<bool> {
    dialect::lock_account(conn, user).await?;
    let is_active = sessions::table
        .find(session_number(session))
        .filter(sessions::user_id.eq(user.get()))
        .filter(sessions::revoked.eq(false));
    let is_active: bool = diesel::select(diesel::dsl::exists(is_active)).get_result(conn).await?;
    if is_active {
        end(conn, session, user).await?;
    }
    Ok(is_active)
}

/// Ends every session and token of a locked account. Within a transaction.
pub(super) async fn revoke_all(
    conn: &mut Conn,
    user: UserId,
    clock: &dyn Clock,
) -> Result<(), Failure> {
    // Read under the lock, so that tokens issued while this waited are also invalid.
    let valid_from = dialect::now(conn, clock).await?.next_second();
    accounts::end_tokens(conn, user, valid_from).await?;
    diesel::update(sessions::table)
        .filter(sessions::user_id.eq(user.get()))
        .filter(sessions::revoked.eq(false))
        .set(sessions::revoked.eq(true))
        .execute(conn)
        .await?;
    Ok(())
}

async fn end(conn: &mut Conn, session: SessionId, user: UserId) -> QueryResult<()> {
    diesel::update(sessions::table.find(session_number(session)))
        .set(sessions::revoked.eq(true))
        .execute(conn)
        .await?;
    accounts::raise_auth_version(conn, user).await?;
    Ok(())
}

/// The session of a token. A token of another server may have the same form.
async fn of_token(conn: &mut Conn, id: &TokenId) -> Result<Option<Session>, Failure> {
    if let Some(session) = id.session()
        && let Some(found) = by_session(conn, session).await?
    {
        return Ok(Some(found));
    }
    let session: Option<i64> = rotated_tokens::table
        .find(id.as_str())
        .select(rotated_tokens::session_id)
        .first(conn)
        .await
        .optional()?;
    match session {
        Some(session) => by_session(conn, session_id(session)).await,
        None => Ok(None),
    }
}

async fn by_session(conn: &mut Conn, session: SessionId) -> Result<Option<Session>, Failure> {
    let row: Option<SessionRow> = sessions::table
        .find(session_number(session))
        .select(SessionRow::as_select())
        .first(conn)
        .await
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    let rotated = rotated_tokens::table
        .filter(rotated_tokens::session_id.eq(session_number(session)))
        .select((rotated_tokens::token_id, rotated_tokens::rotated_at))
        .load(conn)
        .await?;
    Ok(Some(row.parse(rotated)?))
}

async fn insert(conn: &mut Conn, session: &Session, opened_at: Timestamp) -> QueryResult<()> {
    let row = SessionRow::from(session);
    diesel::insert_into(sessions::table)
        .values((row, sessions::opened_at.eq(opened_at.micros())))
        .execute(conn)
        .await?;
    Ok(())
}

async fn update(conn: &mut Conn, session: &Session) -> QueryResult<()> {
    diesel::update(sessions::table.find(session_number(session.id)))
        .set(&SessionRow::from(session))
        .execute(conn)
        .await?;
    Ok(())
}

async fn remember(
    conn: &mut Conn,
    session: SessionId,
    id: &TokenId,
    now: Timestamp,
) -> QueryResult<()> {
    diesel::insert_into(rotated_tokens::table)
        .values((
            rotated_tokens::token_id.eq(id.as_str()),
            rotated_tokens::session_id.eq(session_number(session)),
            rotated_tokens::rotated_at.eq(now.micros()),
        ))
        .on_conflict(rotated_tokens::token_id)
        .do_update()
        .set(rotated_tokens::rotated_at.eq(now.micros()))
        .execute(conn)
        .await?;
    Ok(())
}

/// Deletes rotated tokens after their grace period, because their `jti` contains their session. Keeps
/// foreign tokens, whose session only the row records.
async fn delete_stale(conn: &mut Conn, session: &Session) -> QueryResult<()> {
    let needed: Vec<&str> = session.rotated.iter().map(|(id, _)| id.as_str()).collect();
    let own = format!("{:016x}%", session.id.get());
    diesel::delete(rotated_tokens::table)
        .filter(rotated_tokens::session_id.eq(session_number(session.id)))
        .filter(rotated_tokens::token_id.like(own))
        .filter(rotated_tokens::token_id.ne_all(needed))
        .execute(conn)
        .await?;
    Ok(())
}

async fn delete_expired(conn: &mut Conn, now: Timestamp) -> QueryResult<()> {
    let expired = dialect::expired_sessions(conn, now, DELETED_AT_ONCE).await?;
    let expired: Vec<i64> = expired.into_iter().map(session_number).collect();
    if expired.is_empty() {
        return Ok(());
    }
    diesel::delete(sessions::table)
        .filter(sessions::session_id.eq_any(expired))
        .execute(conn)
        .await?;
    Ok(())
}
