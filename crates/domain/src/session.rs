//! Sessions: one per sign-in, with the refresh tokens that descend from it.

use std::time::Duration;

use crate::{Account, SessionId, Timestamp, TokenId, UserId};

/// The stored parts of a refresh token; signing them again makes the same token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// `jti`.
    pub id: TokenId,
    /// `iat`, whole seconds.
    pub issued_at: Timestamp,
    /// `exp`, whole seconds.
    pub expires_at: Timestamp,
}

/// A sign-in on one device.
///
/// Invariant: every token of the session except `current` is spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// First half of the `jti` of its tokens.
    pub id: SessionId,
    pub user: UserId,
    /// The only token that may be exchanged.
    pub current: RefreshToken,
    /// Tokens exchanged within the grace period, each with the time of its exchange; older ones
    /// may be forgotten.
    pub rotated: Vec<(TokenId, Timestamp)>,
    /// If set, none of its tokens is accepted.
    pub revoked: bool,
    /// When the user signed in, or when another server issued the token that became this session.
    pub opened_at: Timestamp,
    /// When the last of all its tokens expires. The current token may not be the longest-lived,
    /// and a forgotten session must not make a spent token look unknown.
    pub forget_at: Timestamp,
}

/// How [`Session::exchange`] treats a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExchangeRules {
    pub replay: ReplayRule,
    /// How long a session lasts, however often it is used; see [`Session::end`].
    pub lifetime: Duration,
}

/// How to treat a spent refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayRule {
    Refuse,
    /// For this long after its exchange, a spent token returns the current one; later use counts
    /// as theft and revokes the session.
    Grace(Duration),
}

/// The parts of a new token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Successor {
    /// The session to open if the presented token belongs to none.
    pub session: SessionId,
    /// Second half of the new `jti`.
    pub random: u64,
    /// `iat` of the new token.
    pub issued_at: Timestamp,
    /// `exp` of the new token, unless its session ends earlier.
    pub expires_at: Timestamp,
}

/// The result of [`Session::exchange`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exchange {
    /// The session with its new current token, to be saved. The session is new if there was none.
    Rotated(Session),
    /// The current token again; nothing to save.
    Replayed(RefreshToken),
    /// The revoked session, to be saved. The token is refused, and the account's live connections
    /// must authenticate again.
    Stolen(Session),
    Refused,
    /// The account is unknown or disabled, or its `valid_from` is later than the token.
    NoAccount,
}

impl Session {
    #[must_use]
    pub fn new(id: SessionId, user: UserId, first: RefreshToken, opened_at: Timestamp) -> Self {
        let forget_at = first.expires_at;
        Self { id, user, current: first, rotated: Vec::new(), revoked: false, opened_at, forget_at }
    }

    /// Returns when a session of this age ends, however often it is used. Whole seconds, like `exp`.
    #[must_use]
    pub fn end(opened_at: Timestamp, lifetime: Duration) -> Timestamp {
        Timestamp::from_seconds(opened_at.after(lifetime).seconds())
    }

    /// Exchanges a refresh token of `account`. `known` is the session of the token. Without a
    /// session, the token comes from a replaced server with the same key, and becomes the spent
    /// first token of a new session, which began with the token.
    #[must_use]
    pub fn exchange(
        known: Option<Self>,
        account: Option<&Account>,
        presented: &RefreshToken,
        next: Successor,
        now: Timestamp,
        rules: ExchangeRules,
    ) -> Exchange {
        let ends = |account: &Account| presented.issued_at.seconds() < account.valid_from.seconds();
        let Some(account) = account.filter(|account| account.active && !ends(account)) else {
            return Exchange::NoAccount;
        };
        // The session may be forgotten by then, and its token must not look like a foreign one.
        if presented.expires_at <= now {
            return Exchange::Refused;
        }
        let is_new = known.is_none();
        let session = known.unwrap_or_else(|| {
            Self::new(next.session, account.id, presented.clone(), presented.issued_at)
        });
        let has_ended = Self::end(session.opened_at, rules.lifetime) <= now;
        if session.user != account.id || session.revoked || has_ended {
            return Exchange::Refused;
        }
        if is_new || presented.id == session.current.id {
            return Exchange::Rotated(session.rotated_to(next, now, rules));
        }
        match rules.replay {
            ReplayRule::Refuse => Exchange::Refused,
            ReplayRule::Grace(span) if session.was_rotated_within(&presented.id, span, now) => {
                Exchange::Replayed(session.current)
            }
            ReplayRule::Grace(_) => Exchange::Stolen(Self { revoked: true, ..session }),
        }
    }

    fn was_rotated_within(&self, id: &TokenId, span: Duration, now: Timestamp) -> bool {
        self.rotated.iter().any(|(rotated, at)| rotated == id && now <= at.after(span))
    }

    fn rotated_to(mut self, next: Successor, now: Timestamp, rules: ExchangeRules) -> Self {
        let Successor { random, issued_at, expires_at, .. } = next;
        let expires_at = expires_at.min(Self::end(self.opened_at, rules.lifetime));
        let id = TokenId::of(self.id, random);
        let spent =
            std::mem::replace(&mut self.current, RefreshToken { id, issued_at, expires_at });
        let span = match rules.replay {
            ReplayRule::Refuse => None,
            ReplayRule::Grace(span) => Some(span),
        };
        self.rotated.retain(|(_, at)| span.is_some_and(|span| now <= at.after(span)));
        self.rotated.push((spent.id, now));
        self.forget_at = self.forget_at.max(expires_at);
        self
    }

    #[must_use]
    pub fn is_current(&self, id: &TokenId) -> bool {
        !self.revoked && *id == self.current.id
    }
}

#[cfg(test)]
mod tests {
    use super::{Exchange, ExchangeRules, RefreshToken, ReplayRule, Session, Successor};
    use crate::{Account, AuthVersion, Profile, SessionId, Timestamp, TokenId, UserId, Username};
    use std::time::Duration;

    const SESSION: SessionId = SessionId::new(1);
    const ANN: UserId = UserId::new(1);
    const LIFETIME: Duration = Duration::from_secs(100_000);
    const GRACE: ExchangeRules =
        ExchangeRules { replay: ReplayRule::Grace(Duration::from_secs(10)), lifetime: LIFETIME };
    const REFUSE: ExchangeRules = ExchangeRules { replay: ReplayRule::Refuse, lifetime: LIFETIME };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn token(session: SessionId, random: u64) -> RefreshToken {
        let id = TokenId::of(session, random);
        RefreshToken { id, issued_at: at(50), expires_at: at(1_000) }
    }

    fn account() -> Account {
        Account {
            id: ANN,
            username: Username::parse("ann").unwrap(),
            email: None,
            active: true,
            superuser: false,
            valid_from: at(50),
            auth_version: AuthVersion::FIRST,
            profile: Profile::default(),
            last_seen_at: None,
        }
    }

    fn next(random: u64) -> Successor {
        let session = SessionId::new(9);
        Successor { session, random, issued_at: at(100), expires_at: at(2_000) }
    }

    /// Token 1 was exchanged for token 2 at second 100.
    fn rotated() -> Session {
        let opened = Session::new(SESSION, ANN, token(SESSION, 1), at(50));
        opened.rotated_to(next(2), at(100), GRACE)
    }

    fn exchange(session: &Session, random: u64, now: i64, rules: ExchangeRules) -> Exchange {
        let presented = token(SESSION, random);
        let (session, account) = (Some(session.clone()), account());
        Session::exchange(session, Some(&account), &presented, next(3), at(now), rules)
    }

    fn refused(session: &Session, random: u64, now: i64, rules: ExchangeRules) -> bool {
        exchange(session, random, now, rules) == Exchange::Refused
    }

    #[test]
    fn the_current_token_gets_a_successor_of_its_session() {
        let Exchange::Rotated(session) = exchange(&rotated(), 2, 105, GRACE) else { panic!() };

        assert_eq!(session.current.id, TokenId::of(SESSION, 3));
        assert_eq!((session.current.issued_at, session.current.expires_at), (at(100), at(2_000)));
        let rotated: Vec<_> = session.rotated.iter().map(|(id, at)| (id.clone(), *at)).collect();
        let ids = [1, 2].map(|random| TokenId::of(SESSION, random));
        assert_eq!(rotated, ids.into_iter().zip([at(100), at(105)]).collect::<Vec<_>>());
    }

    #[test]
    fn rotated_tokens_are_forgotten_after_the_grace() {
        let forgets = |rule, now| {
            let Exchange::Rotated(session) = exchange(&rotated(), 2, now, rule) else { panic!() };
            session.rotated == [(TokenId::of(SESSION, 2), at(now))]
        };

        assert!(!forgets(GRACE, 110) && forgets(GRACE, 111) && forgets(REFUSE, 100));
    }

    #[test]
    fn a_replay_is_served_within_the_grace_and_theft_after_it() {
        let session = rotated();
        let stolen = Exchange::Stolen(Session { revoked: true, ..session.clone() });

        let replayed = Exchange::Replayed(session.current.clone());
        assert_eq!(exchange(&session, 1, 110, GRACE), replayed);
        assert_eq!(exchange(&session, 1, 111, GRACE), stolen);
        assert_eq!(exchange(&session, 9, 100, GRACE), stolen, "a token that was never issued");
    }

    #[test]
    fn without_grace_a_replay_is_refused_and_revokes_nothing() {
        assert!(refused(&rotated(), 1, 100, REFUSE));
    }

    #[test]
    fn revoked_sessions_and_sessions_of_other_users_are_refused() {
        for session in
            [Session { revoked: true, ..rotated() }, Session { user: UserId::new(2), ..rotated() }]
        {
            for random in [1, 2] {
                assert!(refused(&session, random, 100, GRACE), "{session:?}");
            }
        }
    }

    #[test]
    fn an_expired_token_is_refused_even_if_its_session_is_forgotten() {
        let (presented, account) = (token(SESSION, 2), account());
        let of =
            |known| Session::exchange(known, Some(&account), &presented, next(3), at(1_000), GRACE);

        assert_eq!([of(Some(rotated())), of(None)], [Exchange::Refused, Exchange::Refused]);
    }

    #[test]
    fn a_foreign_token_becomes_the_spent_first_of_a_new_session() {
        let foreign = RefreshToken { expires_at: at(5_000), ..token(SessionId::new(7), 1) };
        let account = account();

        let exchanged = Session::exchange(None, Some(&account), &foreign, next(3), at(100), GRACE);

        let Exchange::Rotated(session) = exchanged else { panic!("{exchanged:?}") };
        assert_eq!((session.id, session.user), (SessionId::new(9), ANN));
        assert_eq!(session.current.id, TokenId::of(SessionId::new(9), 3));
        let foreign_issued_at = foreign.issued_at;
        assert_eq!(session.rotated, [(foreign.id, at(100))]);
        assert_eq!(session.forget_at, at(5_000), "the foreign token lasts longer");
        assert_eq!(session.opened_at, foreign_issued_at, "the session began with the token");
    }

    #[test]
    fn no_exchange_extends_a_session_beyond_its_lifetime() {
        // Opened at second 50, and a fraction that `exp` cannot hold.
        let session = Session { opened_at: Timestamp::from_micros(50_900_000), ..rotated() };
        let within = |lifetime| {
            let rules = ExchangeRules { lifetime: Duration::from_secs(lifetime), ..GRACE };
            exchange(&session, 2, 105, rules)
        };
        let expiry = |lifetime| {
            let Exchange::Rotated(session) = within(lifetime) else { panic!("{lifetime}") };
            session.current.expires_at
        };

        assert_eq!(expiry(1_950), at(2_000), "the successor would not last longer");
        assert_eq!(expiry(1_949), at(1_999));
        assert_eq!(expiry(56), at(106));
        assert_eq!(within(55), Exchange::Refused);
    }

    #[test]
    fn a_session_past_its_lifetime_serves_no_replay_and_is_no_theft() {
        let rules = ExchangeRules { lifetime: Duration::from_secs(55), ..GRACE };

        for random in [1, 9] {
            assert!(refused(&rotated(), random, 105, rules), "token {random}");
        }
    }

    #[test]
    fn a_foreign_token_older_than_a_lifetime_opens_no_session() {
        let (foreign, account) = (token(SessionId::new(7), 1), account());
        let exchange = |lifetime| {
            let rules = ExchangeRules { lifetime: Duration::from_secs(lifetime), ..GRACE };
            Session::exchange(None, Some(&account), &foreign, next(3), at(100), rules)
        };

        assert_eq!(exchange(50), Exchange::Refused);
        let Exchange::Rotated(session) = exchange(51) else { panic!() };
        assert_eq!(session.current.expires_at, at(101));
    }

    #[test]
    fn tokens_without_account_or_before_valid_from_are_not_exchanged() {
        let cases = [
            ("unknown", None),
            ("disabled", Some(Account { active: false, ..account() })),
            ("issued before", Some(Account { valid_from: at(51), ..account() })),
        ];
        for (name, account) in cases {
            for known in [None, Some(rotated())] {
                let presented = token(SESSION, 2);
                let got =
                    Session::exchange(known, account.as_ref(), &presented, next(3), at(100), GRACE);
                assert_eq!(got, Exchange::NoAccount, "case: {name}");
            }
        }
        // `iat` counts whole seconds.
        let within = Account { valid_from: Timestamp::from_micros(50_900_000), ..account() };
        let got =
            Session::exchange(None, Some(&within), &token(SESSION, 2), next(3), at(100), GRACE);
        assert!(matches!(got, Exchange::Rotated(_)));
    }
}
