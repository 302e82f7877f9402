//! The sessions of all accounts.

use std::collections::HashMap;

use application::ports::{ActiveSession, NewSession, SessionCursor, SessionState};
use domain::{Session, SessionId, Timestamp, TokenId, UserId};

/// Invariant: the session of every foreign token is kept for as long as the token is.
#[derive(Default)]
pub(crate) struct Sessions {
    sessions: HashMap<SessionId, Stored>,
    /// Exchanged tokens of other servers: their session and expiry.
    foreign: HashMap<TokenId, (SessionId, Timestamp)>,
}

struct Stored {
    session: Session,
    opened_at: Timestamp,
}

impl Sessions {
    pub(crate) fn open(&mut self, user: UserId, new: NewSession) {
        let NewSession { session, first, opened_at } = new;
        self.forget_expired(opened_at);
        self.save(Session::new(session, user, first), opened_at);
    }

    /// Inserts or replaces a session.
    pub(crate) fn save(&mut self, session: Session, now: Timestamp) {
        let known = self.sessions.get(&session.id);
        let opened_at = known.map_or(now, |known| known.opened_at);
        self.sessions.insert(session.id, Stored { session, opened_at });
    }

    /// Records that a token of another server belongs to this session.
    pub(crate) fn adopt(&mut self, token: TokenId, session: SessionId, expires_at: Timestamp) {
        self.foreign.insert(token, (session, expires_at));
    }

    /// The session that a token belongs to.
    pub(crate) fn of_token(&self, id: &TokenId) -> Option<&Session> {
        let own = id.session().and_then(|session| self.sessions.get(&session));
        let foreign = || self.foreign.get(id).and_then(|(session, _)| self.sessions.get(session));
        own.or_else(foreign).map(|stored| &stored.session)
    }

    pub(crate) fn state(&self, session: SessionId) -> SessionState {
        match self.sessions.get(&session) {
            None => SessionState::Unknown,
            Some(stored) if stored.session.revoked => SessionState::Revoked,
            Some(_) => SessionState::Live,
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
        let is_active = |stored: &&Stored| {
            let session = &stored.session;
            session.user == user && !session.revoked && now < session.current.expires_at
        };
        let active = self.sessions.values().filter(is_active).map(Stored::active);
        let is_below =
            |active: &ActiveSession| before.is_none_or(|at| key(active.cursor()) < key(at));
        let mut active: Vec<_> = active.filter(is_below).collect();
        active.sort_by_key(|active| std::cmp::Reverse(key(active.cursor())));
        active.truncate(limit);
        active
    }

    /// Returns whether this account had such a session that was not revoked.
    pub(crate) fn revoke(&mut self, user: UserId, session: SessionId) -> bool {
        let stored = self.sessions.get_mut(&session).filter(|stored| stored.session.user == user);
        stored.is_some_and(|stored| !std::mem::replace(&mut stored.session.revoked, true))
    }

    pub(crate) fn revoke_all(&mut self, user: UserId) {
        for stored in self.sessions.values_mut().filter(|stored| stored.session.user == user) {
            stored.session.revoked = true;
        }
    }

    pub(crate) fn forget_expired(&mut self, now: Timestamp) {
        self.sessions.retain(|_, stored| now < stored.session.forget_at);
        self.foreign.retain(|_, (_, expires_at)| now < *expires_at);
    }
}

impl Stored {
    fn active(&self) -> ActiveSession {
        ActiveSession {
            session: self.session.id,
            opened_at: Some(self.opened_at),
            used_at: self.session.current.issued_at,
            expires_at: self.session.current.expires_at,
        }
    }
}
