//! Text that must not be seen, and what makes a signing key acceptable.

use std::{collections::BTreeSet, fmt};

/// Text that neither `Debug` nor `Display` shows.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself: to use, not to print.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

/// What stands in place of a secret.
pub(super) const HIDDEN: &str = "(hidden)";

/// Fewest bytes in a signing key: as many as its HMAC gives out.
const MIN_BYTES: usize = 32;
/// Fewest different bytes; 32 random hex digits have 14 on average.
const MIN_DISTINCT_BYTES: usize = 8;
/// Longest unit whose repetition is no key.
const MAX_REPEATED_BYTES: usize = 16;
/// Keys that stand in tutorials, or begin so.
const WELL_KNOWN_PREFIXES: [&str; 6] = [
    "django-insecure-",
    "your-256-bit-secret",
    "a-string-secret-at-least-256-bits-long",
    "a-valid-string-secret-that-is-at-least-512-bits-long",
    "qwertyuiop",
    "0123456789abcdefghij",
];
/// Words of a key that was meant to be replaced.
const PLACEHOLDERS: [&str; 6] =
    ["changeme", "change-me", "change_me", "replaceme", "replace-me", "replace_me"];

/// Accepts a key that may sign tokens.
///
/// # Errors
///
/// The rule that the key breaks, to stand behind its name.
pub(crate) fn signing_key(text: &str) -> Result<Secret, &'static str> {
    let lower = text.to_lowercase();
    if lower.starts_with("django-insecure-") {
        return Err("is the insecure key that Django puts into a new project; choose another");
    }
    if text.len() < MIN_BYTES {
        return Err("is too short: a signing key has at least 32 bytes");
    }
    if WELL_KNOWN_PREFIXES.iter().any(|prefix| lower.starts_with(prefix))
        || PLACEHOLDERS.iter().any(|word| lower.contains(word))
    {
        return Err("is a well-known example and no secret; choose another");
    }
    let distinct: BTreeSet<u8> = text.bytes().collect();
    if distinct.len() < MIN_DISTINCT_BYTES || repeats_a_short_unit(lower.as_bytes()) {
        return Err("is too regular to be a secret; choose a random one");
    }
    Ok(Secret::new(text))
}

fn repeats_a_short_unit(text: &[u8]) -> bool {
    (1..=MAX_REPEATED_BYTES)
        .any(|unit| text.iter().zip(text.iter().skip(unit)).all(|(a, b)| a == b))
}

#[cfg(test)]
mod tests {
    use super::{Secret, signing_key};

    #[test]
    fn a_secret_prints_nothing_of_itself() {
        let secret = Secret::new("hunter2");

        assert_eq!(format!("{secret} {secret:?}"), "(hidden) (hidden)");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn keys_that_are_short_known_or_regular_are_refused() {
        let cases = [
            ("empty", String::new(), "short"),
            ("a word", "secret".into(), "short"),
            ("31 bytes", "k3J9x0Qm2LrT7vYb5WzN8cHd1FgP4sA".into(), "short"),
            ("Django's", "django-insecure-8f!k2^q0v$z1m9x#7c@5n3b6l4j2h0g".into(), "Django"),
            ("Django's, short", "django-insecure-x".into(), "Django"),
            ("jwt.io's", "a-string-secret-at-least-256-bits-long".into(), "well-known"),
            ("placeholder", "please-ChangeMe-before-production-1234".into(), "well-known"),
            ("one character", "x".repeat(64), "regular"),
            ("few characters", "abcabdabeabfacaabbaccaddaeeaffab".into(), "regular"),
            ("a word repeated", "secretkey".repeat(5), "regular"),
            ("a unit repeated and cut", "0123456789abcdef0123456789abcdef01".into(), "regular"),
        ];
        for (name, text, want) in cases {
            let got = signing_key(&text);
            assert!(matches!(got, Err(rule) if rule.contains(want)), "case: {name}: {got:?}");
        }
    }

    #[test]
    fn keys_with_enough_in_them_are_accepted() {
        let cases = [
            "k3J9x0Qm2LrT7vYb5WzN8cHd1FgP4sAe",
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "contract-suite-signing-key-0123456789",
            "schlüssel mit leerzeichen und 32 bytes",
        ];
        for text in cases {
            assert_eq!(signing_key(text), Ok(Secret::new(text)));
        }
    }
}
