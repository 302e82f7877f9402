use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

/// The exact text of a message: any text without U+0000, even blank, of at most
/// [`MessageBody::MAX_BYTES`].
///
/// Cheap to clone. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageBody(Arc<str>);

impl MessageBody {
    /// In bytes of UTF-8.
    pub const MAX_BYTES: usize = 8 * 1024 * 1024;

    /// Parses untrusted text.
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

    /// The empty text of a tombstone.
    #[must_use]
    pub fn erased() -> Self {
        Self("".into())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The bytes of the text in JSON, which writes a control character as up to six.
    #[must_use]
    pub fn json_size(&self) -> usize {
        let of = |byte: &u8| match byte {
            b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
            0x00..0x20 => 6,
            _ => 1,
        };
        self.0.as_bytes().iter().map(of).sum()
    }

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

/// SHA-256 of what was sent first: distinguishes a retry from another message or group with the same
/// client id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyHash([u8; 32]);

impl BodyHash {
    #[must_use]
    pub const fn new(raw: [u8; 32]) -> Self {
        Self(raw)
    }

    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageBodyError {
    #[error("a message holds no null characters")]
    Nul,
    #[error("a message has at most 8 MiB")]
    TooLong,
}

#[cfg(test)]
mod tests {
    use super::{MessageBody, MessageBodyError};

    #[test]
    fn bodies_accept_any_text_up_to_the_limit_without_nul() {
        let at_limit = "a".repeat(MessageBody::MAX_BYTES);
        let past_limit = format!("{at_limit}a");

        assert_eq!(MessageBody::parse("").map(drop), Ok(()));
        assert_eq!(MessageBody::parse(" \n").map(drop), Ok(()));
        assert_eq!(MessageBody::parse("a\0b").map(drop), Err(MessageBodyError::Nul));
        assert_eq!(MessageBody::parse(at_limit).map(drop), Ok(()));
        assert_eq!(MessageBody::parse(past_limit).map(drop), Err(MessageBodyError::TooLong));
    }

    #[test]
    fn the_size_in_json_counts_escapes() {
        let cases = [
            ("", 0),
            ("plain", 5),
            ("é😀", 6),
            ("\"\\\n\r\t\u{8}\u{c}", 14),
            ("\u{1}\u{b}\u{1f}", 18),
            ("\u{7f}/", 2),
        ];
        for (text, want) in cases {
            assert_eq!(MessageBody::parse(text).unwrap().json_size(), want, "{text:?}");
        }
    }
}
