use application::ports::{
    ActiveSession, BackendError, NewSession, OpenSessionError, Rotation, SessionCursor,
    SessionStore, StoreError,
};
use async_trait::async_trait;
use domain::{
    Account, Exchange, RefreshToken, ReplayRule, Session, SessionId, Successor, Timestamp, TokenId,
    UserId,
};

use crate::store::InMemoryChat;

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
        let known = state.sessions.of_token(&presented.id).cloned();
        let is_foreign = known.is_none();
        let exchange = Session::exchange(known, account.as_ref(), &presented, next, now, rule);
        Ok(match (exchange, account) {
            (Exchange::Rotated(session), Some(account)) => {
                let token = session.current.clone();
                if is_foreign {
                    state.sessions.adopt(presented.id, session.id, presented.expires_at);
                }
                state.sessions.save(session, now);
                Rotation::Rotated(account, token)
            }
            (Exchange::Replayed(token), Some(account)) => Rotation::Replayed(account, token),
            (Exchange::Stolen(session), _) => {
                state.sessions.save(session, now);
                state.raise_auth_version(user);
                Rotation::Spent
            }
            (Exchange::Refused, _) => Rotation::Spent,
            (_, None) | (Exchange::NoAccount, _) => Rotation::NoAccount,
        })
    }

    async fn is_spent(&self, id: &TokenId) -> Result<bool, BackendError> {
        let state = self.state();
        Ok(state.sessions.of_token(id).is_some_and(|session| !session.is_current(id)))
    }

    async fn active_sessions(
        &self,
        user: UserId,
        before: Option<SessionCursor>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<ActiveSession>, BackendError> {
        Ok(self.state().sessions.active_sessions(user, before, now, limit))
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
