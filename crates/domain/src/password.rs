//! Passwords, in clear text and hashed.

use std::fmt;

/// A password that may be set: at least 6 characters, without U+0000.
///
/// Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Box<str>);

impl Password {
    /// In Unicode scalar values.
    pub const MIN_CHARS: usize = 6;

    /// Parses a new password. Returns every rule that it breaks, in the order of [`PasswordError`].
    pub fn parse(raw: &str) -> Result<Self, Vec<PasswordError>> {
        let mut broken = Vec::new();
        if raw.chars().count() < Self::MIN_CHARS {
            broken.push(PasswordError::TooShort);
        }
        if raw.contains('\0') {
            broken.push(PasswordError::Nul);
        }
        if broken.is_empty() { Ok(Self(raw.into())) } else { Err(broken) }
    }

    /// Wraps a password to be verified. Any text is allowed, because it is only compared.
    #[must_use]
    pub fn claimed(raw: &str) -> Self {
        Self(raw.into())
    }

    /// Returns the clear text; use it only for hashing.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(hidden)")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    #[error("a password has at least 6 characters")]
    TooShort,
    #[error("a password holds no null characters")]
    Nul,
}

/// A hash in Django's notation (`algorithm$…`).
///
/// Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Box<str>);

impl PasswordHash {
    #[must_use]
    pub fn new(encoded: impl Into<Box<str>>) -> Self {
        Self(encoded.into())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::{Password, PasswordError};

    #[test]
    fn passwords_have_six_characters_and_no_nul() {
        assert_eq!(Password::parse("абвгд"), Err(vec![PasswordError::TooShort]));
        assert!(Password::parse("абвгде").is_ok());
        assert_eq!(Password::parse("secret\0"), Err(vec![PasswordError::Nul]));
        assert_eq!(Password::parse("\0"), Err(vec![PasswordError::TooShort, PasswordError::Nul]));
    }

    #[test]
    fn passwords_are_never_printed() {
        let password = Password::claimed("s3cret");

        assert!(!format!("{password:?}").contains("s3cret"));
    }
}
