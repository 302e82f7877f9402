//! [`SessionStore`] over the queries.

use application::ports::{
    BackendError, NewSession, OpenSessionError, Rotation, SessionStore, StoreError, Successor,
};
use async_trait::async_trait;
use domain::{Account, RefreshToken, ReplayRule, SessionId, Timestamp, TokenId, UserId};

use super::{Store, sessions};

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

    async fn revoke(&self, session: SessionId) -> Result<(), StoreError> {
        self.db
            .write(move |conn| Box::pin(async move { Ok(sessions::revoke(conn, session).await?) }))
            .await
            .map_err(|failure| failure.into_store_error("end a session"))
    }
}
