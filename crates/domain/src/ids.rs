//! Identifiers and counters: one type each, so that two cannot be swapped.

use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i64);

        impl $name {
            /// Wraps a number that the store gave out.
            #[must_use]
            pub const fn new(raw: i64) -> Self {
                Self(raw)
            }

            /// The number.
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
    /// An account; assigned by the store, ascending, never reused.
    UserId
);
number!(
    /// A conversation; assigned by the store.
    ConversationId
);
number!(
    /// A message; assigned by the store, ascending in a conversation, never reused.
    MessageId
);
number!(
    /// Counts every visible change of a conversation, from 1; drives sync.
    Seq
);
number!(
    /// Counts the messages of a conversation, from 1; drives paging and unread.
    MsgNo
);

impl ConversationId {
    /// The lobby, which every store holds from its first migration on.
    pub const LOBBY: Self = Self(1);
}

impl Seq {
    /// Before the first change.
    pub const ZERO: Self = Self(0);

    /// The one after this.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl MsgNo {
    /// Before the first message.
    pub const ZERO: Self = Self(0);

    /// The one after this.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// The sender's name for one send (a UUID): retries carry the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(u128);

impl ClientId {
    /// Wraps the 128 bits of the UUID.
    #[must_use]
    pub const fn new(raw: u128) -> Self {
        Self(raw)
    }

    /// The 128 bits.
    #[must_use]
    pub const fn get(self) -> u128 {
        self.0
    }
}

/// One life of a database: another epoch means that sequences may repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch(u128);

impl Epoch {
    /// Wraps the 128 bits of the UUID.
    #[must_use]
    pub const fn new(raw: u128) -> Self {
        Self(raw)
    }

    /// The 128 bits.
    #[must_use]
    pub const fn get(self) -> u128 {
        self.0
    }
}

/// One sign-in: the family of all tokens that descend from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(u64);

impl SessionId {
    /// Wraps the 64 bits.
    #[must_use]
    pub const fn new(raw: u64) -> Self {
        Self(raw)
    }

    /// The 64 bits.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// The `jti` of a token: ours are 16 hex digits of the session and 16 random
/// ones; those of a server being replaced are kept as they are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(Box<str>);

impl TokenId {
    /// Longest `jti` that is taken, in bytes.
    pub const MAX_BYTES: usize = 255;

    /// A token of `session`.
    #[must_use]
    pub fn of(session: SessionId, random: u64) -> Self {
        Self(format!("{:016x}{random:016x}", session.get()).into())
    }

    /// A `jti` from a token; `None` when it is empty or too long to be one.
    #[must_use]
    pub fn parse(raw: &str) -> Option<Self> {
        (!raw.is_empty() && raw.len() <= Self::MAX_BYTES).then(|| Self(raw.into()))
    }

    /// The session in it, if it has the shape of ours.
    #[must_use]
    pub fn session(&self) -> Option<SessionId> {
        let is_ours =
            self.0.len() == 32 && self.0.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let prefix = self.0.get(..16).filter(|_| is_ours)?;
        u64::from_str_radix(prefix, 16).ok().map(SessionId)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::{SessionId, TokenId};

    #[test]
    fn a_token_id_tells_its_session() {
        let session = SessionId::new(0xfeed_0000_0000_0001);

        let id = TokenId::of(session, 7);

        assert_eq!(id.as_str(), "feed0000000000010000000000000007");
        assert_eq!(id.session(), Some(session));
        assert_eq!(TokenId::parse("FEED0000000000010000000000000007").unwrap().session(), None);
        assert_eq!(TokenId::parse("é").unwrap().session(), None);
    }
}
