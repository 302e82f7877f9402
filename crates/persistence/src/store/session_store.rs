//! [`SessionStore`] over the queries.

use application::ports::{
    ActiveSession, BackendError, NewSession, OpenSessionError, Rotation, SessionCursor,
    SessionStore, StoreError,
};
use async_trait::async_trait;
use domain::{Account, RefreshToken, ReplayRule, SessionId, Successor, Timestamp, TokenId, UserId};

use super::{Store, dialect, sessions};

#[async_trait]
impl SessionStore for Store {
    async fn open(&self, account: &Account, session: NewSession) -> Result<(), OpenSessionError> {
        let (user, version) = (account.id, account.auth_version);
        let opened = self
            .write("open a session", async move |conn| {
                Ok(sessions::open(conn, user, version, session).await?)
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
        rule: ReplayRule,
    ) -> Result<Rotation, StoreError> {
        self.write("exchange a refresh token", async move |conn| {
            sessions::rotate(conn, user, presented, next, now, rule).await
        })
        .await
    }

    async fn is_spent(&self, id: &TokenId) -> Result<bool, BackendError> {
        let id = id.clone();
        self.snapshot("look up a refresh token", async move |conn| {
            sessions::is_spent(conn, &id).await
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
        self.read("list sessions", async move |conn| {
            Ok(sessions::active(conn, user, before, now, limit).await?)
        })
        .await
    }

    async fn revoke(&self, user: UserId, session: SessionId) -> Result<bool, StoreError> {
        self.write("end a session", async move |conn| {
            Ok(sessions::revoke(conn, user, session).await?)
        })
        .await
    }

    async fn revoke_all(&self, user: UserId) -> Result<(), StoreError> {
        let clock = self.db.clock();
        self.write("end all sessions", async move |conn| {
            dialect::lock_account(conn, user).await?;
            sessions::revoke_all(conn, user, &*clock).await
        })
        .await
    }
}
