//! Sessions: loaded and saved here, [`domain::Session`] has the rules.

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

/// Families that one sign-in or exchange forgets at most.
const FORGOTTEN_AT_ONCE: i64 = 32;

/// Keeps a new family if the account still is of this version; says whether it
/// did. Within a transaction.
pub(super) async fn open(
    conn: &mut Conn,
    user: UserId,
    version: AuthVersion,
    new: NewSession,
) -> QueryResult<bool> {
    let unchanged = dialect::keeps_version(conn, user, version).await?;
    if unchanged {
        keep(conn, user, new).await?;
    }
    Ok(unchanged)
}

/// Keeps a new family of an account that is known. Within a transaction.
pub(super) async fn keep(conn: &mut Conn, user: UserId, new: NewSession) -> QueryResult<()> {
    let NewSession { session, first, opened_at } = new;
    forget_expired(conn, opened_at).await?;
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
    // Every change to a session locks its account first, so that two come one by one.
    let account = dialect::lock_account(conn, user).await?;
    let account = account.map(Account::try_from).transpose()?;
    forget_expired(conn, now).await?;
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
            drop_stale(conn, &session).await?;
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

/// Whether a refresh token has been spent or revoked. Within a snapshot.
pub(super) async fn is_spent(conn: &mut Conn, id: &TokenId) -> Result<bool, Failure> {
    let session = of_token(conn, id).await?;
    Ok(session.is_some_and(|session| !session.is_current(id)))
}

/// The sessions of an account that live, the most recently used first.
pub(super) async fn living(
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

/// Ends a session of this account; says whether it lived. Within a transaction.
pub(super) async fn revoke(conn: &mut Conn, user: UserId, session: SessionId) -> QueryResult<bool> {
    dialect::lock_account(conn, user).await?;
    let lives = sessions::table
        .find(session_number(session))
        .filter(sessions::user_id.eq(user.get()))
        .filter(sessions::revoked.eq(false));
    let lives: bool = diesel::select(diesel::dsl::exists(lives)).get_result(conn).await?;
    if lives {
        end(conn, session, user).await?;
    }
    Ok(lives)
}

/// Ends every session and token of an account that is locked. Within a transaction.
pub(super) async fn revoke_all(
    conn: &mut Conn,
    user: UserId,
    clock: &dyn Clock,
) -> Result<(), Failure> {
    // Under the lock: whatever is issued before it is ours falls under this.
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

/// The session that a token belongs to. A token of another server may look like ours.
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

/// Forgets rotated tokens past their grace: their `jti` names their session. Only the
/// row of a foreign token does so, and is kept.
async fn drop_stale(conn: &mut Conn, session: &Session) -> QueryResult<()> {
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

async fn forget_expired(conn: &mut Conn, now: Timestamp) -> QueryResult<()> {
    let expired = dialect::expired_sessions(conn, now, FORGOTTEN_AT_ONCE).await?;
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
