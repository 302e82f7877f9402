//! What a message says.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

/// Text of a message, exactly as it is to be kept: any text without U+0000,
/// blank ones included, of at most [`MessageBody::MAX_BYTES`].
///
/// Cheap to clone. Its text is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageBody(Arc<str>);

impl MessageBody {
    /// Longest text, in bytes of UTF-8.
    pub const MAX_BYTES: usize = 8 * 1024 * 1024;

    /// Accepts untrusted text.
    ///
    /// # Errors
    ///
    /// - [`MessageBodyError::Nul`] when it holds U+0000.
    /// - [`MessageBodyError::TooLong`] past [`MessageBody::MAX_BYTES`].
    pub fn parse(raw: impl Into<Arc<str>>) -> Result<Self, MessageBodyError> {
        let text = raw.into();
        if text.len() > Self::MAX_BYTES {
            return Err(MessageBodyError::TooLong);
        }
        if text.as_bytes().contains(&0) {
            return Err(MessageBodyError::Nul);
        }
        Ok(Self(text))
    }

    /// What stands where a deleted message stood.
    #[must_use]
    pub fn erased() -> Self {
        Self("".into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its fingerprint.
    #[must_use]
    pub fn hash(&self) -> BodyHash {
        BodyHash(Sha256::digest(self.0.as_bytes()).into())
    }
}

impl fmt::Debug for MessageBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageBody({} bytes)", self.0.len())
    }
}

/// SHA-256 of the text with which a message was first sent: tells a retry from
/// another message under the same client id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyHash([u8; 32]);

impl BodyHash {
    /// Wraps a stored fingerprint.
    #[must_use]
    pub const fn new(raw: [u8; 32]) -> Self {
        Self(raw)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Why a text is no [`MessageBody`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageBodyError {
    /// Holds U+0000.
    #[error("a message holds no null characters")]
    Nul,
    /// Longer than [`MessageBody::MAX_BYTES`].
    #[error("a message holds at most 8 MiB")]
    TooLong,
}

#[cfg(test)]
mod tests {
    use super::{MessageBody, MessageBodyError};

    #[test]
    fn any_text_up_to_the_limit_is_a_body_unless_it_holds_nul() {
        let at_limit = "a".repeat(MessageBody::MAX_BYTES);
        let past_limit = format!("{at_limit}a");

        assert_eq!(MessageBody::parse("").map(drop), Ok(()));
        assert_eq!(MessageBody::parse(" \n").map(drop), Ok(()));
        assert_eq!(MessageBody::parse("a\0b").map(drop), Err(MessageBodyError::Nul));
        assert_eq!(MessageBody::parse(at_limit).map(drop), Ok(()));
        assert_eq!(MessageBody::parse(past_limit).map(drop), Err(MessageBodyError::TooLong));
    }
}
