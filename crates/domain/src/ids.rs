//! Identifiers and counters. Each has its own type, so that they cannot be confused.

use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i64);

        impl $name {
            #[must_use]
            pub const fn new(raw: i64) -> Self {
                Self(raw)
            }

            #[must_use]
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// An account id; assigned by the store, ascending, never reused.
    UserId
);
number!(
    /// A conversation id; assigned by the store.
    ConversationId
);
number!(
    /// A message id; assigned by the store, ascending within a conversation, never reused.
    MessageId
);
number!(
    /// Numbers every visible change of a conversation, from 1; drives sync.
    Seq
);
number!(
    /// Numbers the messages of a conversation, from 1; drives paging and unread counts.
    MsgNo
);

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

    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// A client-chosen UUID for one send; retries carry the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(u128);

impl ClientId {
    #[must_use]
    pub const fn new(raw: u128) -> Self {
        Self(raw)
    }

    #[must_use]
    pub const fn get(self) -> u128 {
        self.0
    }
}

/// Identifies the lifetime of a database (a UUID). In another epoch, sequence numbers may repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch(u128);

impl Epoch {
    #[must_use]
    pub const fn new(raw: u128) -> Self {
        Self(raw)
    }

    #[must_use]
    pub const fn get(self) -> u128 {
        self.0
    }
}

/// Identifies a sign-in and all tokens that descend from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(u64);

impl SessionId {
    #[must_use]
    pub const fn new(raw: u64) -> Self {
        Self(raw)
    }

    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
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
