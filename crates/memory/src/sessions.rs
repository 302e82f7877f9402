//! What is kept of refresh families.

use std::collections::HashMap;

use application::ports::{ActiveSession, NewSession, SessionCursor, SessionState, Successor};
use domain::{
    Family, Presented, RefreshToken, ReplayRule, SessionId, Spent, Timestamp, TokenId, UserId,
};

/// Invariant: the family of every foreign token is kept for as long as the token is.
#[derive(Default)]
pub(crate) struct Sessions {
    families: HashMap<SessionId, Kept>,
    /// Tokens of other servers that were exchanged here: their family and expiry.
    foreign: HashMap<TokenId, (SessionId, Timestamp)>,
}

struct Kept {
    family: Family,
    opened_at: Timestamp,
    /// Of whichever of its tokens lasts longest: an earlier one may outlive the
    /// current one, and must not come back as unknown.
    expires_at: Timestamp,
}

/// What came of an exchange, the account aside.
pub(crate) enum Exchange {
    Rotated(RefreshToken),
    Replayed(RefreshToken),
    Spent,
    Theft,
}

impl Sessions {
    pub(crate) fn open(&mut self, user: UserId, new: NewSession) {
        self.forget_expired(new.opened_at);
        self.keep(user, new.session, new.first, new.opened_at);
    }

    fn keep(
        &mut self,
        user: UserId,
        session: SessionId,
        current: RefreshToken,
        opened_at: Timestamp,
    ) {
        let expires_at = current.expires_at;
        let family = Family { session, user, current, rotated: Vec::new(), revoked: false };
        self.families.insert(session, Kept { family, opened_at, expires_at });
    }

    pub(crate) fn state(&self, session: SessionId) -> SessionState {
        match self.families.get(&session) {
            None => SessionState::Unknown,
            Some(kept) if kept.family.revoked => SessionState::Revoked,
            Some(_) => SessionState::Live,
        }
    }

    pub(crate) fn is_spent(&self, id: &TokenId) -> bool {
        let family = self.session_of(id).and_then(|session| self.families.get(&session));
        family.is_some_and(|kept| !kept.family.is_current(id))
    }

    pub(crate) fn living(
        &self,
        user: UserId,
        before: Option<SessionCursor>,
        now: Timestamp,
        limit: usize,
    ) -> Vec<ActiveSession> {
        let place = |at: SessionCursor| (at.used_at, at.session);
        let lives = |Kept { family, .. }: &&Kept| {
            family.user == user && !family.revoked && now < family.current.expires_at
        };
        let living = self.families.values().filter(lives).map(Kept::shown);
        let is_below =
            |shown: &ActiveSession| before.is_none_or(|at| place(shown.cursor()) < place(at));
        let mut living: Vec<_> = living.filter(is_below).collect();
        living.sort_by_key(|shown| std::cmp::Reverse(place(shown.cursor())));
        living.truncate(limit);
        living
    }

    /// Says whether it is a session of this account, and lived until now.
    pub(crate) fn revoke(&mut self, user: UserId, session: SessionId) -> bool {
        let kept = self.families.get_mut(&session).filter(|kept| kept.family.user == user);
        kept.is_some_and(|kept| !std::mem::replace(&mut kept.family.revoked, true))
    }

    pub(crate) fn revoke_all(&mut self, user: UserId) {
        for kept in self.families.values_mut().filter(|kept| kept.family.user == user) {
            kept.family.revoked = true;
        }
    }

    pub(crate) fn forget_expired(&mut self, now: Timestamp) {
        self.families.retain(|_, kept| now < kept.expires_at);
        self.foreign.retain(|_, (_, expires_at)| now < *expires_at);
    }

    pub(crate) fn exchange(
        &mut self,
        user: UserId,
        presented: RefreshToken,
        next: Successor,
        now: Timestamp,
        rule: ReplayRule,
    ) -> Exchange {
        // Its family may be forgotten, which must not make it look new.
        if presented.expires_at <= now {
            return Exchange::Spent;
        }
        let id = presented.id.clone();
        let session = self.session_of(&id).unwrap_or_else(|| {
            self.foreign.insert(id.clone(), (next.family, presented.expires_at));
            self.keep(user, next.family, presented, now);
            next.family
        });
        match self.families.get_mut(&session) {
            Some(kept) if kept.family.user == user => kept.exchange(&id, next, now, rule),
            _ => Exchange::Spent,
        }
    }

    fn session_of(&self, id: &TokenId) -> Option<SessionId> {
        let ours = id.session().filter(|session| self.families.contains_key(session));
        ours.or_else(|| self.foreign.get(id).map(|(session, _)| *session))
    }
}

impl Kept {
    fn shown(&self) -> ActiveSession {
        ActiveSession {
            session: self.family.session,
            opened_at: Some(self.opened_at),
            used_at: self.family.current.issued_at,
            expires_at: self.family.current.expires_at,
        }
    }

    fn exchange(
        &mut self,
        id: &TokenId,
        next: Successor,
        now: Timestamp,
        rule: ReplayRule,
    ) -> Exchange {
        match self.family.present(id, now, rule) {
            Presented::Current => {
                let id = TokenId::of(self.family.session, next.random);
                let (issued_at, expires_at) = (next.issued_at, next.expires_at);
                let token = RefreshToken { id, issued_at, expires_at };
                self.expires_at = self.expires_at.max(expires_at);
                self.family.rotate(token.clone(), now, rule);
                Exchange::Rotated(token)
            }
            Presented::Replay => Exchange::Replayed(self.family.current.clone()),
            Presented::Spent(Spent::Refused) => Exchange::Spent,
            Presented::Spent(Spent::Theft) => {
                self.family.revoked = true;
                Exchange::Theft
            }
        }
    }
}
