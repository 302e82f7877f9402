//! Loads and saves sessions. [`domain::Session`] has the rules.

use application::ports::{
    ActiveSession, BackendError, Clock, NewSession, OpenSessionError, Rotation, SessionCursor,
    SessionStore, StoreError,
};
use async_trait::async_trait;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use domain::{
    Account, Exchange, ExchangeRules, RefreshToken, Session, SessionId, Successor, Timestamp,
    TokenId, UserId,
};

use super::{Conn, Store, accounts as account_queries, dialect};
use crate::failure::Failure;
use crate::rows::{ActiveSessionRow, SessionRow, session_id, session_number};
use crate::schema::{accounts, rotated_tokens, sessions};

/// Expired sessions that one sign-in or exchange deletes.
const DELETED_AT_ONCE: i64 = 32;

#[async_trait]
impl SessionStore for Store {
    async fn open(&self, account: &Account, session: NewSession) -> Result<(), OpenSessionError> {
        let (user, version) = (account.id, account.auth_version);
        let opened = self
            .write("open a session", async move |conn| {
                let is_unchanged = dialect::keeps_version(conn, user, version).await?;
                if is_unchanged {
                    insert_new(conn, user, session).await?;
                }
                Ok(is_unchanged)
            })
            .await?;
        if opened { Ok(()) } else { Err(OpenSessionError::AccountChanged) }
    }

    async fn rotate(
        &self,
        user: UserId,
        presented: RefreshToken,
        next: Successor,
        now: Timestamp,
        rules: ExchangeRules,
    ) -> Result<Rotation, StoreError> {
        self.write("exchange a refresh token", async move |conn| {
            // Every change to a session locks its account first, which serializes the changes.
            let account = dialect::lock_account(conn, user).await?;
            let account = account.map(Account::try_from).transpose()?;
            delete_expired(conn, now).await?;
            let known = of_token(conn, &presented.id).await?;
            let is_new = known.is_none();
            let exchange = Session::exchange(known, account.as_ref(), &presented, next, now, rules);
            Ok(match (exchange, account) {
                (Exchange::Rotated(session), Some(account)) => {
                    if is_new {
                        insert(conn, &session).await?;
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
                    account_queries::raise_auth_version(conn, session.user).await?;
                    Rotation::Stolen
                }
                (Exchange::Refused, _) => Rotation::Spent,
                (_, None) | (Exchange::NoAccount, _) => Rotation::NoAccount,
            })
        })
        .await
    }

    async fn is_spent(&self, id: &TokenId) -> Result<bool, BackendError> {
        let id = id.clone();
        self.snapshot("look up a refresh token", async move |conn| {
            let session = of_token(conn, &id).await?;
            Ok(session.is_some_and(|session| !session.is_current(&id)))
        })
        .await
    }

    async fn active_sessions(
        &self,
        user: UserId,
        before: Option<SessionCursor>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<ActiveSession>, BackendError> {
        let (at, id) = before.map_or((i64::MAX, i64::MAX), |cursor| {
            (cursor.used_at.micros(), session_number(cursor.session))
        });
        self.read("list sessions", async move |conn| {
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
        })
        .await
    }

    async fn revoke(&self, user: UserId, session: SessionId) -> Result<bool, StoreError> {
        self.write("end a session", async move |conn| {
            dialect::lock_account(conn, user).await?;
            let session = sessions::table.find(session_number(session));
            let active = session
                .filter(sessions::user_id.eq(user.get()))
                .filter(sessions::revoked.eq(false));
            let is_active: bool =
                diesel::select(diesel::dsl::exists(active)).get_result(conn).await?;
            if is_active {
                diesel::update(session).set(sessions::revoked.eq(true)).execute(conn).await?;
                account_queries::raise_auth_version(conn, user).await?;
            }
            Ok(is_active)
        })
        .await
    }

    async fn revoke_all(&self, user: UserId) -> Result<(), StoreError> {
        let clock = self.db.clock();
        self.write("end all sessions", async move |conn| {
            dialect::lock_account(conn, user).await?;
            revoke_all(conn, user, &*clock).await
        })
        .await
    }
}

/// Deletes expired sessions and inserts a new one. Within a transaction.
pub(super) async fn insert_new(conn: &mut Conn, user: UserId, new: NewSession) -> QueryResult<()> {
    let NewSession { session, first, opened_at } = new;
    delete_expired(conn, opened_at).await?;
    insert(conn, &Session::new(session, user, first, opened_at)).await
}

/// Ends every session and token of a locked account. Within a transaction.
pub(super) async fn revoke_all(
    conn: &mut Conn,
    user: UserId,
    clock: &dyn Clock,
) -> Result<(), Failure> {
    // Read under the lock, so that tokens issued while this waited are also invalid.
    let valid_from = dialect::now(conn, clock).await?.next_second();
    let account = accounts::table.find(user.get());
    // Never makes older tokens valid again.
    diesel::update(account.filter(accounts::valid_from.lt(valid_from.micros())))
        .set(accounts::valid_from.eq(valid_from.micros()))
        .execute(conn)
        .await?;
    account_queries::raise_auth_version(conn, user).await?;
    diesel::update(sessions::table)
        .filter(sessions::user_id.eq(user.get()))
        .filter(sessions::revoked.eq(false))
        .set(sessions::revoked.eq(true))
        .execute(conn)
        .await?;
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

async fn insert(conn: &mut Conn, session: &Session) -> QueryResult<()> {
    diesel::insert_into(sessions::table).values(SessionRow::from(session)).execute(conn).await?;
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
    if expired.is_empty() {
        return Ok(());
    }
    diesel::delete(sessions::table)
        .filter(sessions::session_id.eq_any(expired))
        .execute(conn)
        .await?;
    Ok(())
}
