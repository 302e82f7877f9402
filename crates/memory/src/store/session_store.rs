use std::collections::HashMap;

use application::ports::{
    ActiveSession, BackendError, NewSession, OpenSessionError, Rotation, SessionCursor,
    SessionState, SessionStore, StoreError,
};
use async_trait::async_trait;
use domain::{
    Account, Exchange, ExchangeRules, RefreshToken, Session, SessionId, Successor, Timestamp,
    TokenId, UserId,
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
        rules: ExchangeRules,
    ) -> Result<Rotation, StoreError> {
        let mut state = self.state();
        state.sessions.forget_expired(now);
        let account = state.accounts.get(&user).map(|stored| stored.account.clone());
        let known = state.sessions.of_token(&presented.id).cloned();
        let is_foreign = known.is_none();
        let exchange = Session::exchange(known, account.as_ref(), &presented, next, now, rules);
        Ok(match (exchange, account) {
            (Exchange::Rotated(session), Some(account)) => {
                let token = session.current.clone();
                if is_foreign {
                    state.sessions.adopt(presented.id, session.id, presented.expires_at);
                }
                state.sessions.save(session);
                Rotation::Rotated(account, token)
            }
            (Exchange::Replayed(token), Some(account)) => Rotation::Replayed(account, token),
            (Exchange::Stolen(session), _) => {
                state.sessions.save(session);
                state.raise_auth_version(user);
                Rotation::Stolen
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

/// Invariant: the session of every foreign token is kept for as long as the token is.
#[derive(Default)]
pub(crate) struct Sessions {
    sessions: HashMap<SessionId, Session>,
    /// Exchanged tokens of other servers: their session and expiry.
    foreign: HashMap<TokenId, (SessionId, Timestamp)>,
}

impl Sessions {
    pub(crate) fn open(&mut self, user: UserId, new: NewSession) {
        let NewSession { session, first, opened_at } = new;
        self.forget_expired(opened_at);
        self.save(Session::new(session, user, first, opened_at));
    }

    /// Inserts or replaces a session.
    pub(crate) fn save(&mut self, session: Session) {
        self.sessions.insert(session.id, session);
    }

    /// Records that a token of another server belongs to this session.
    pub(crate) fn adopt(&mut self, token: TokenId, session: SessionId, expires_at: Timestamp) {
        self.foreign.insert(token, (session, expires_at));
    }

    /// The session that a token belongs to.
    pub(crate) fn of_token(&self, id: &TokenId) -> Option<&Session> {
        let own = id.session().and_then(|session| self.sessions.get(&session));
        let foreign = || self.foreign.get(id).and_then(|(session, _)| self.sessions.get(session));
        own.or_else(foreign)
    }

    pub(crate) fn state(&self, session: SessionId) -> SessionState {
        match self.sessions.get(&session) {
            None => SessionState::Unknown,
            Some(session) if session.revoked => SessionState::Revoked,
            Some(Session { opened_at, current, .. }) => {
                SessionState::Live { opened_at: *opened_at, expires_at: current.expires_at }
            }
        }
    }

    pub(crate) fn active_sessions(
        &self,
        user: UserId,
        before: Option<SessionCursor>,
        now: Timestamp,
        limit: usize,
    ) -> Vec<ActiveSession> {
        let key = |at: SessionCursor| (at.used_at, at.session);
        let is_active = |session: &&Session| {
            session.user == user && !session.revoked && now < session.current.expires_at
        };
        let active = self.sessions.values().filter(is_active).map(active);
        let is_below =
            |active: &ActiveSession| before.is_none_or(|at| key(active.cursor()) < key(at));
        let mut active: Vec<_> = active.filter(is_below).collect();
        active.sort_by_key(|active| std::cmp::Reverse(key(active.cursor())));
        active.truncate(limit);
        active
    }

    /// Returns whether this account had such a session that was not revoked.
    pub(crate) fn revoke(&mut self, user: UserId, session: SessionId) -> bool {
        let session = self.sessions.get_mut(&session).filter(|session| session.user == user);
        session.is_some_and(|session| !std::mem::replace(&mut session.revoked, true))
    }

    pub(crate) fn revoke_all(&mut self, user: UserId) {
        for session in self.sessions.values_mut().filter(|session| session.user == user) {
            session.revoked = true;
        }
    }

    pub(crate) fn forget_expired(&mut self, now: Timestamp) {
        self.sessions.retain(|_, session| now < session.forget_at);
        self.foreign.retain(|_, (_, expires_at)| now < *expires_at);
    }
}

fn active(session: &Session) -> ActiveSession {
    ActiveSession {
        session: session.id,
        opened_at: session.opened_at,
        used_at: session.current.issued_at,
        expires_at: session.current.expires_at,
    }
}
