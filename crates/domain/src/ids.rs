//! Identifiers and counters. Each has its own type, so that they cannot be confused.

use std::fmt;

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident($raw:ty);)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($raw);

        impl $name {
            #[must_use]
            pub const fn new(raw: $raw) -> Self {
                Self(raw)
            }

            #[must_use]
            pub const fn get(self) -> $raw {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

numbers! {
    /// An account id; assigned by the store, ascending, never reused.
    UserId(i64);

    /// A conversation id; assigned by the store.
    ConversationId(i64);

    /// A message id; assigned by the store, ascending within a conversation, never reused.
    MessageId(i64);

    /// Numbers every visible change of a conversation, from 1; drives sync.
    Seq(i64);

    /// Numbers the messages of a conversation, from 1; drives paging and unread counts.
    MsgNo(i64);

    /// A client-chosen UUID for one send; retries carry the same.
    ClientId(u128);

    /// Identifies the lifetime of a database (a UUID). In another epoch, sequence numbers may
    /// repeat.
    Epoch(u128);

    /// Identifies a sign-in and all tokens that descend from it.
    SessionId(u64);

    /// Increments when an account may have lost rights: it was disabled, got a new password,
    /// signed out everywhere, or had a session revoked.
    AuthVersion(i64);
}

impl AuthVersion {
    /// The version of a new account.
    pub const FIRST: Self = Self(0);
}

impl ConversationId {
    /// The lobby, which every store creates in its first migration.
    pub const LOBBY: Self = Self(1);
}

impl Seq {
    /// Before the first change.
    pub const ZERO: Self = Self(0);

    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl MsgNo {
    /// Before the first message.
    pub const ZERO: Self = Self(0);
    pub const FIRST: Self = Self(1);

    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// The `jti` of a token. This server's ids are 16 hex digits of the session and 16 random ones;
/// ids of a replaced server are kept unchanged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(Box<str>);

impl TokenId {
    /// Longest accepted `jti`, in bytes.
    pub const MAX_BYTES: usize = 255;

    #[must_use]
    pub fn of(session: SessionId, random: u64) -> Self {
        Self(format!("{:016x}{random:016x}", session.get()).into())
    }

    /// Parses a `jti` from a token; `None` when it is empty or too long.
    #[must_use]
    pub fn parse(raw: &str) -> Option<Self> {
        (!raw.is_empty() && raw.len() <= Self::MAX_BYTES).then(|| Self(raw.into()))
    }

    /// Returns the session in the id, if the id has this server's format.
    #[must_use]
    pub fn session(&self) -> Option<SessionId> {
        let is_ours =
            self.0.len() == 32 && self.0.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let prefix = self.0.get(..16).filter(|_| is_ours)?;
        u64::from_str_radix(prefix, 16).ok().map(SessionId)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::{SessionId, TokenId};

    #[test]
    fn a_token_id_contains_its_session() {
        let session = SessionId::new(0xfeed_0000_0000_0001);

        let id = TokenId::of(session, 7);

        assert_eq!(id.as_str(), "feed0000000000010000000000000007");
        assert_eq!(id.session(), Some(session));
        assert_eq!(TokenId::parse("FEED0000000000010000000000000007").unwrap().session(), None);
        assert_eq!(TokenId::parse("é").unwrap().session(), None);
    }
}
