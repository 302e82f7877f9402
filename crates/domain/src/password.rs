//! Passwords, in clear text and hashed.

mod common;

use std::fmt;

use crate::text;

/// A password, prepared for hashing: trimmed as the reference does it, then in normalisation form
/// KC, so that every keyboard types the same password (RFC 8265 prepares it by `OpaqueString`, with
/// form C; NIST SP 800-63B recommends form KC, which also joins the widths and spaces of RFC 8265).
///
/// Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Password {
    prepared: Box<str>,
    /// The text that was typed, if it differs.
    typed: Option<Box<str>>,
}

impl Password {
    /// In Unicode scalar values.
    pub const MIN_CHARS: usize = 6;

    /// Of a strong password, in Unicode scalar values.
    pub const MIN_STRONG_CHARS: usize = 8;

    /// Parses a new password by the rule of the reference: at least [`Self::MIN_CHARS`], without
    /// U+0000. Returns every rule that it breaks, in the order of [`PasswordError`].
    pub fn parse(raw: &str) -> Result<Self, Vec<PasswordError>> {
        // The reference counts what was typed.
        Self::checked(raw, text::trim(raw).chars().count(), Self::MIN_CHARS)
    }

    /// Like [`Self::parse`], with at least [`Self::MIN_STRONG_CHARS`], and none of the most common
    /// passwords.
    pub fn parse_strong(raw: &str) -> Result<Self, Vec<PasswordError>> {
        let prepared = Self::claimed(raw).prepared;
        if common::is_common(&prepared) {
            return Err(vec![PasswordError::Common]);
        }
        Self::checked(raw, prepared.chars().count(), Self::MIN_STRONG_CHARS)
    }

    fn checked(raw: &str, chars: usize, min: usize) -> Result<Self, Vec<PasswordError>> {
        let mut broken = Vec::new();
        if chars < min {
            broken.push(PasswordError::TooShort { min });
        }
        if raw.contains('\0') {
            broken.push(PasswordError::Nul);
        }
        if broken.is_empty() { Ok(Self::claimed(raw)) } else { Err(broken) }
    }

    /// Wraps a password to be verified. Any text is allowed, because it is only compared.
    #[must_use]
    pub fn claimed(raw: &str) -> Self {
        let prepared: Box<str> = text::normalized(text::trim(raw)).into();
        let typed = (*prepared != *raw).then(|| raw.into());
        Self { prepared, typed }
    }

    /// Returns the clear text; use it only for hashing.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.prepared
    }

    /// Returns the clear text as it was typed, if it differs. Hashes that were made from it, by the
    /// reference for example, stay valid.
    #[must_use]
    pub fn expose_typed(&self) -> Option<&str> {
        self.typed.as_deref()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(hidden)")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    #[error("a password has at least {min} characters")]
    TooShort {
        /// In Unicode scalar values.
        min: usize,
    },
    #[error("a password holds no null characters")]
    Nul,
    #[error("this is one of the most common passwords")]
    Common,
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

    const TOO_SHORT: PasswordError = PasswordError::TooShort { min: 6 };

    #[test]
    fn passwords_have_six_characters_and_no_nul() {
        assert_eq!(Password::parse("абвгд"), Err(vec![TOO_SHORT]));
        assert!(Password::parse("абвгде").is_ok());
        assert_eq!(Password::parse("  12345  "), Err(vec![TOO_SHORT]));
        assert_eq!(Password::parse("secret\0"), Err(vec![PasswordError::Nul]));
        assert_eq!(Password::parse("\0"), Err(vec![TOO_SHORT, PasswordError::Nul]));
        assert!(Password::parse("password").is_ok(), "the reference takes it");
    }

    #[test]
    fn strong_passwords_have_eight_characters_and_are_not_common() {
        let short = Err(vec![PasswordError::TooShort { min: 8 }]);
        let common = Err(vec![PasswordError::Common]);

        assert_eq!(Password::parse_strong("абвгдеё"), short);
        assert_eq!(Password::parse_strong("  abcdefg  "), short);
        assert_eq!(Password::parse_strong("e\u{301}e\u{301}e\u{301}e\u{301}"), short);
        assert!(Password::parse_strong("абвгдеёж").is_ok());
        assert_eq!(Password::parse_strong("secret\0secret"), Err(vec![PasswordError::Nul]));
        for password in
            ["password", "Password1", "12345678", " qwertyuiop ", "ILOVEYOU", "ｐａｓｓｗｏｒｄ"]
        {
            assert_eq!(Password::parse_strong(password), common, "{password:?}");
        }
    }

    #[test]
    fn passwords_are_trimmed_and_normalised() {
        let cases = [
            (" \u{3000}p\u{e4}ss w\u{f6}rd\u{1f}\n", "p\u{e4}ss w\u{f6}rd"),
            ("pa\u{308}ss wo\u{308}rd", "p\u{e4}ss w\u{f6}rd"),
            ("ｐａｓｓ\u{a0}１２", "pass 12"),
            ("ﬁre", "fire"),
            ("\u{2126} ohm", "\u{3a9} ohm"),
        ];

        for (typed, prepared) in cases {
            assert_eq!(Password::claimed(typed).expose(), prepared);
            assert_eq!(Password::claimed(typed).expose_typed(), Some(typed));
            assert_eq!(Password::claimed(prepared).expose_typed(), None);
        }
        assert_ne!(Password::claimed("Secret").expose(), Password::claimed("secret").expose());
    }

    #[test]
    fn passwords_are_never_printed() {
        let password = Password::claimed("s3cret");

        assert!(!format!("{password:?}").contains("s3cret"));
    }
}
