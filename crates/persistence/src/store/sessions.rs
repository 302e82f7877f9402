//! Refresh families; [`domain::Family`] judges.

use application::ports::{ActiveSession, Clock, NewSession, Rotation, SessionCursor, Successor};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use domain::{
    Account, AuthVersion, Family, Presented, RefreshToken, ReplayRule, SessionId, Spent, Timestamp,
    TokenId, UserId,
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
    let forget_at = first.expires_at;
    let family = Family { session, user, current: first, rotated: Vec::new(), revoked: false };
    insert(conn, &family, forget_at, opened_at).await
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
    // Whoever alters a family holds its account first, so that two take turns.
    let Some(account) = dialect::lock_account(conn, user).await? else {
        return Ok(Rotation::NoAccount);
    };
    forget_expired(conn, now).await?;
    let account = Account::try_from(account)?;
    if !account.active || presented.issued_at.seconds() < account.valid_from.seconds() {
        return Ok(Rotation::NoAccount);
    }
    // Its family may be forgotten, which must not make it look new.
    if presented.expires_at <= now {
        return Ok(Rotation::Spent);
    }
    let Some((mut family, forget_at)) = of_token(conn, &presented.id).await? else {
        return adopt(conn, account, presented, next, now, rule).await;
    };
    if family.user != user {
        return Ok(Rotation::Spent);
    }
    match family.present(&presented.id, now, rule) {
        Presented::Current => {
            family.rotate(successor(family.session, next), now, rule);
            let forget_at = forget_at.max(next.expires_at);
            update(conn, &family, forget_at).await?;
            remember(conn, family.session, &presented.id, now).await?;
            drop_stale(conn, &family).await?;
            Ok(Rotation::Rotated(account, family.current))
        }
        Presented::Replay => Ok(Rotation::Replayed(account, family.current)),
        Presented::Spent(Spent::Refused) => Ok(Rotation::Spent),
        Presented::Spent(Spent::Theft) => {
            end(conn, family.session, family.user).await?;
            Ok(Rotation::Spent)
        }
    }
}

/// A token of a server that was replaced becomes the spent first of a new family.
async fn adopt(
    conn: &mut Conn,
    account: Account,
    presented: RefreshToken,
    next: Successor,
    now: Timestamp,
    rule: ReplayRule,
) -> Result<Rotation, Failure> {
    let first = presented.id.clone();
    let forget_at = presented.expires_at.max(next.expires_at);
    let mut family = Family {
        session: next.family,
        user: account.id,
        current: presented,
        rotated: Vec::new(),
        revoked: false,
    };
    family.rotate(successor(next.family, next), now, rule);
    insert(conn, &family, forget_at, now).await?;
    remember(conn, family.session, &first, now).await?;
    Ok(Rotation::Rotated(account, family.current))
}

fn successor(session: SessionId, next: Successor) -> RefreshToken {
    RefreshToken {
        id: TokenId::of(session, next.random),
        issued_at: next.issued_at,
        expires_at: next.expires_at,
    }
}

/// Whether a refresh token has been spent or revoked. Within a snapshot.
pub(super) async fn is_spent(conn: &mut Conn, id: &TokenId) -> Result<bool, Failure> {
    let family = of_token(conn, id).await?;
    Ok(family.is_some_and(|(family, _)| !family.is_current(id)))
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

/// The family that a token is of, and when it may be forgotten. A token that
/// merely looks like ours may be one that was adopted.
async fn of_token(conn: &mut Conn, id: &TokenId) -> Result<Option<(Family, Timestamp)>, Failure> {
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

async fn by_session(
    conn: &mut Conn,
    session: SessionId,
) -> Result<Option<(Family, Timestamp)>, Failure> {
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
    let forget_at = row.forget_at();
    Ok(Some((row.parse(rotated)?, forget_at)))
}

async fn insert(
    conn: &mut Conn,
    family: &Family,
    forget_at: Timestamp,
    opened_at: Timestamp,
) -> QueryResult<()> {
    let row = SessionRow::new(family, forget_at);
    diesel::insert_into(sessions::table)
        .values((row, sessions::opened_at.eq(opened_at.micros())))
        .execute(conn)
        .await?;
    Ok(())
}

async fn update(conn: &mut Conn, family: &Family, forget_at: Timestamp) -> QueryResult<()> {
    diesel::update(sessions::table.find(session_number(family.session)))
        .set(&SessionRow::new(family, forget_at))
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

/// Forgets what the family no longer needs to know: its own spent tokens are
/// told by their session. An adopted one is told by nothing else.
async fn drop_stale(conn: &mut Conn, family: &Family) -> QueryResult<()> {
    let needed: Vec<&str> = family.rotated.iter().map(|(id, _)| id.as_str()).collect();
    let own = format!("{:016x}%", family.session.get());
    diesel::delete(rotated_tokens::table)
        .filter(rotated_tokens::session_id.eq(session_number(family.session)))
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
