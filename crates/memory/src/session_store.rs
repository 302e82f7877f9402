//! Refresh families.

use application::ports::{
    ActiveSession, BackendError, NewSession, OpenSessionError, Rotation, SessionCursor,
    SessionStore, StoreError, Successor,
};
use async_trait::async_trait;
use domain::{Account, RefreshToken, ReplayRule, SessionId, Timestamp, TokenId, UserId};

use crate::InMemoryChat;
use crate::sessions::Exchange;

#[async_trait]
impl SessionStore for InMemoryChat {
    async fn open(&self, account: &Account, session: NewSession) -> Result<(), OpenSessionError> {
        let mut state = self.state();
        let current = state.accounts.get(&account.id).map(|stored| stored.account.auth_version);
        if current != Some(account.auth_version) {
            return Err(OpenSessionError::AccountChanged);
        }
        state.sessions.open(account.id, session);
        Ok(())
    }

    async fn rotate(
        &self,
        user: UserId,
        presented: RefreshToken,
        next: Successor,
        now: Timestamp,
        rule: ReplayRule,
    ) -> Result<Rotation, StoreError> {
        let mut state = self.state();
        state.sessions.forget_expired(now);
        let account = state.accounts.get(&user).map(|stored| stored.account.clone());
        let Some(account) =
            account.filter(|account| account.active && presented.issued_at >= account.valid_from)
        else {
            return Ok(Rotation::NoAccount);
        };
        Ok(match state.sessions.exchange(user, presented, next, now, rule) {
            Exchange::Rotated(token) => Rotation::Rotated(account, token),
            Exchange::Replayed(token) => Rotation::Replayed(account, token),
            Exchange::Spent => Rotation::Spent,
            Exchange::Theft => {
                state.raise_auth_version(user);
                Rotation::Spent
            }
        })
    }

    async fn is_spent(&self, id: &TokenId) -> Result<bool, BackendError> {
        Ok(self.state().sessions.is_spent(id))
    }

    async fn living(
        &self,
        user: UserId,
        before: Option<SessionCursor>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<ActiveSession>, BackendError> {
        Ok(self.state().sessions.living(user, before, now, limit))
    }

    async fn revoke(&self, user: UserId, session: SessionId) -> Result<bool, StoreError> {
        let mut state = self.state();
        let ended = state.sessions.revoke(user, session);
        if ended {
            state.raise_auth_version(user);
        }
        Ok(ended)
    }

    async fn revoke_all(&self, user: UserId) -> Result<(), StoreError> {
        self.state().revoke_all(user, self.clock.now());
        Ok(())
    }
}
