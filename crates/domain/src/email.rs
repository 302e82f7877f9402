//! E-mail addresses, validated like Django's `EmailValidator`.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::text;

/// An address of at most 254 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Email(Box<str>);

impl Email {
    /// In Unicode scalar values.
    pub const MAX_CHARS: usize = 254;

    /// Parses an untrusted address.
    pub fn parse(raw: &str) -> Result<Self, EmailError> {
        if raw.chars().count() > Self::MAX_CHARS {
            return Err(EmailError::TooLong);
        }
        let (local, domain) = raw.rsplit_once('@').ok_or(EmailError::Malformed)?;
        if is_local_part(local) && is_domain(domain) {
            Ok(Self(raw.into()))
        } else {
            Err(EmailError::Malformed)
        }
    }

    /// Wraps a stored address, which an earlier rule may have accepted.
    #[must_use]
    pub fn accepted(raw: impl Into<Box<str>>) -> Self {
        Self(raw.into())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns what equal addresses have in common.
    #[must_use]
    pub fn key(&self) -> String {
        text::fold(&self.0)
    }
}

fn is_local_part(local: &str) -> bool {
    is_dot_atom(local) || is_quoted(local)
}

fn is_dot_atom(local: &str) -> bool {
    let is_atom_byte = |b: u8| b.is_ascii_alphanumeric() || b"-!#$%&'*+/=?^_`{}|~".contains(&b);
    local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atom_byte))
}

/// `"…"` of printable or control characters; quotes and backslashes are escaped.
fn is_quoted(local: &str) -> bool {
    let Some(inner) = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return false;
    };
    let mut bytes = inner.bytes();
    while let Some(b) = bytes.next() {
        let fine = match b {
            b'\\' => bytes.next().is_some_and(|b| matches!(b, 1..=9 | 11 | 12 | 14..=127)),
            b'"' => false,
            b => matches!(b, 1..=8 | 11 | 12 | 14..=31 | 33..=127),
        };
        if !fine {
            return false;
        }
    }
    true
}

fn is_domain(domain: &str) -> bool {
    if domain == "localhost" {
        return true;
    }
    if let Some(literal) = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let v6 = literal.strip_prefix("IPv6:").unwrap_or(literal);
        return literal.parse::<Ipv4Addr>().is_ok() || v6.parse::<Ipv6Addr>().is_ok();
    }
    let mut labels: Vec<&str> = domain.split('.').collect();
    let Some(top) = labels.pop() else { return false };
    !labels.is_empty() && labels.into_iter().all(is_label) && is_label(top) && is_top_level(top)
}

/// 1 to 63 letters (ASCII or beyond), digits and inner hyphens.
fn is_label(label: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || ('\u{a1}'..='\u{ffff}').contains(&c);
    label.chars().count() <= 63
        && !label.starts_with('-')
        && !label.ends_with('-')
        && !label.is_empty()
        && label.chars().all(|c| c == '-' || is_letter(c))
}

/// A top-level label has at least two characters, and is not a number.
fn is_top_level(label: &str) -> bool {
    label.chars().count() >= 2 && !label.bytes().all(|b| b.is_ascii_digit())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    #[error("not an e-mail address")]
    Malformed,
    #[error("an e-mail address has at most 254 characters")]
    TooLong,
}

#[cfg(test)]
mod tests {
    use super::{Email, EmailError};

    #[test]
    fn addresses_are_validated_as_the_contract_lists() {
        let label_63 = format!("a@{}.com", "x".repeat(63));
        let label_64 = format!("a@{}.com", "x".repeat(64));
        let good = [
            "a+tag@example.com",
            "\"quoted\"@example.com",
            "o'hara@example.com",
            "a@localhost",
            "a@[127.0.0.1]",
            "a@exämple.com",
            &label_63,
            "a@b.co",
        ];
        let bad = [
            "plain",
            ".a@example.com",
            "a.@example.com",
            "a..b@example.com",
            "a b@example.com",
            "ü@example.com",
            "a@host",
            "a@127.0.0.1",
            "a@-ex.com",
            "a@ex-.com",
            "a@ex..com",
            &label_64,
            "a@b.c",
            "a@b@c.com",
            "a",
            "a@",
            "@b.com",
            "",
        ];

        for address in good {
            assert!(Email::parse(address).is_ok(), "refused: {address}");
        }
        for address in bad {
            assert_eq!(Email::parse(address), Err(EmailError::Malformed), "accepted: {address}");
        }
    }

    #[test]
    fn addresses_beyond_254_characters_are_too_long() {
        let long = format!("{}@example.com", "x".repeat(243));

        assert_eq!(Email::parse(&long), Err(EmailError::TooLong));
    }
}
