//! Refresh families: one sign-in and the refresh tokens that descend from it.

use std::time::Duration;

use crate::{SessionId, Timestamp, TokenId, UserId};

/// What of a refresh token is kept; the same values sign to the same token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// `jti`.
    pub id: TokenId,
    /// `iat`, whole seconds.
    pub issued_at: Timestamp,
    /// `exp`, whole seconds.
    pub expires_at: Timestamp,
}

/// One sign-in.
///
/// Invariant: every token of the family but `current` is spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family {
    /// First half of the `jti` of its tokens.
    pub session: SessionId,
    /// Who signed in.
    pub user: UserId,
    /// The one token that may be exchanged.
    pub current: RefreshToken,
    /// Tokens exchanged a moment ago, with the moment; older ones may be forgotten.
    pub rotated: Vec<(TokenId, Timestamp)>,
    /// Signed out, or stolen: no token of it is worth anything.
    pub revoked: bool,
}

/// What a replayed refresh token means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayRule {
    /// It is refused, and nothing else happens.
    Refuse,
    /// Within the span after its exchange it gets the newest successor again;
    /// later it is theft, and revokes the family.
    Grace(Duration),
}

/// What presenting a token to its family comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presented {
    /// It is the current one: exchange it.
    Current,
    /// It was exchanged a moment ago: give the current one again.
    Replay,
    /// It is worth nothing.
    Spent(Spent),
}

/// What to do about a spent token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    /// Refuse it.
    Refused,
    /// Somebody else has it: refuse it, and revoke the family.
    Theft,
}

impl Family {
    /// Judges a token of this family at `now`.
    #[must_use]
    pub fn present(&self, id: &TokenId, now: Timestamp, rule: ReplayRule) -> Presented {
        if self.revoked {
            return Presented::Spent(Spent::Refused);
        }
        if *id == self.current.id {
            return Presented::Current;
        }
        match rule {
            ReplayRule::Refuse => Presented::Spent(Spent::Refused),
            ReplayRule::Grace(span) => {
                let fresh = self.rotated.iter().any(|(old, at)| old == id && now <= at.after(span));
                if fresh { Presented::Replay } else { Presented::Spent(Spent::Theft) }
            }
        }
    }

    /// Exchanges the current token for `next`.
    pub fn rotate(&mut self, next: RefreshToken, now: Timestamp, rule: ReplayRule) {
        if let ReplayRule::Grace(span) = rule {
            self.rotated.retain(|(_, at)| now <= at.after(span));
        } else {
            self.rotated.clear();
        }
        let spent = std::mem::replace(&mut self.current, next);
        self.rotated.push((spent.id, now));
    }

    /// The current token, if it may still be used.
    #[must_use]
    pub fn is_current(&self, id: &TokenId) -> bool {
        !self.revoked && *id == self.current.id
    }
}

#[cfg(test)]
mod tests {
    use super::{Family, Presented, RefreshToken, ReplayRule, Spent};
    use crate::{SessionId, Timestamp, TokenId, UserId};
    use std::time::Duration;

    const GRACE: ReplayRule = ReplayRule::Grace(Duration::from_secs(10));

    fn token(random: u64) -> RefreshToken {
        RefreshToken {
            id: TokenId::of(SessionId::new(1), random),
            issued_at: Timestamp::from_seconds(0),
            expires_at: Timestamp::from_seconds(1_000),
        }
    }

    fn rotated_at(seconds: i64) -> Family {
        let mut family = Family {
            session: SessionId::new(1),
            user: UserId::new(1),
            current: token(1),
            rotated: Vec::new(),
            revoked: false,
        };
        family.rotate(token(2), Timestamp::from_seconds(seconds), GRACE);
        family
    }

    #[test]
    fn a_replay_is_served_within_the_grace_and_theft_after_it() {
        let family = rotated_at(100);
        let at = Timestamp::from_seconds;

        assert_eq!(family.present(&token(2).id, at(500), GRACE), Presented::Current);
        assert_eq!(family.present(&token(1).id, at(110), GRACE), Presented::Replay);
        assert_eq!(family.present(&token(1).id, at(111), GRACE), Presented::Spent(Spent::Theft));
        assert_eq!(family.present(&token(9).id, at(100), GRACE), Presented::Spent(Spent::Theft));
    }

    #[test]
    fn without_grace_a_replay_is_refused_and_revokes_nothing() {
        let family = rotated_at(100);

        let got = family.present(&token(1).id, Timestamp::from_seconds(100), ReplayRule::Refuse);

        assert_eq!(got, Presented::Spent(Spent::Refused));
    }

    #[test]
    fn a_revoked_family_accepts_nothing() {
        let family = Family { revoked: true, ..rotated_at(100) };

        let got = family.present(&token(2).id, Timestamp::from_seconds(100), GRACE);

        assert_eq!(got, Presented::Spent(Spent::Refused));
    }
}
