//! [`SessionStore`] over the queries.

use application::ports::{
    ActiveSession, BackendError, NewSession, OpenSessionError, Rotation, SessionCursor,
    SessionStore, StoreError, Successor,
};
use async_trait::async_trait;
use domain::{Account, RefreshToken, ReplayRule, SessionId, Timestamp, TokenId, UserId};

use super::{Store, dialect, sessions};

#[async_trait]
impl SessionStore for Store {
    async fn open(&self, account: &Account, session: NewSession) -> Result<(), OpenSessionError> {
        let (user, version) = (account.id, account.auth_version);
        let opened = self
            .db
            .write(move |conn| {
                Box::pin(async move { Ok(sessions::open(conn, user, version, session).await?) })
            })
            .await
            .map_err(|failure| failure.into_store_error("open a session"))?;
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
        self.db
            .write(move |conn| {
                Box::pin(
                    async move { sessions::rotate(conn, user, presented, next, now, rule).await },
                )
            })
            .await
            .map_err(|failure| failure.into_store_error("exchange a refresh token"))
    }

    async fn is_spent(&self, id: &TokenId) -> Result<bool, BackendError> {
        let id = id.clone();
        self.db
            .read(move |conn| Box::pin(async move { sessions::is_spent(conn, &id).await }))
            .await
            .map_err(|failure| failure.into_backend_error("look up a refresh token"))
    }

    async fn living(
        &self,
        user: UserId,
        before: Option<SessionCursor>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<ActiveSession>, BackendError> {
        self.db
            .look(move |conn| {
                Box::pin(async move { Ok(sessions::living(conn, user, before, now, limit).await?) })
            })
            .await
            .map_err(|failure| failure.into_backend_error("list sessions"))
    }

    async fn revoke(&self, user: UserId, session: SessionId) -> Result<bool, StoreError> {
        self.db
            .write(move |conn| {
                Box::pin(async move { Ok(sessions::revoke(conn, user, session).await?) })
            })
            .await
            .map_err(|failure| failure.into_store_error("end a session"))
    }

    async fn revoke_all(&self, user: UserId) -> Result<(), StoreError> {
        let clock = self.db.clock();
        self.db
            .write(move |conn| {
                Box::pin(async move {
                    dialect::lock_account(conn, user).await?;
                    sessions::revoke_all(conn, user, &*clock).await
                })
            })
            .await
            .map_err(|failure| failure.into_store_error("end all sessions"))
    }
}
