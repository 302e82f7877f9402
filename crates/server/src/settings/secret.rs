//! Texts that must not be printed, and the rules of signing keys.

use std::{collections::BTreeSet, fmt};

use url::Url;

/// Text that neither `Debug` nor `Display` prints.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

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

const HIDDEN: &str = "(hidden)";

/// Returns the value of `key`, or a placeholder if it may be a secret.
pub(crate) fn printable(key: &str, text: &str) -> String {
    let secret = match key {
        "auth.secret" => !text.is_empty(),
        "storage.url" | "bus.redis_url" => may_hold_a_password(text),
        _ => false,
    };
    if secret { HIDDEN.to_owned() } else { format!("{text:?}") }
}

/// A text that cannot be parsed may be a mistyped URL.
fn may_hold_a_password(text: &str) -> bool {
    if text.is_empty() || text.starts_with("sqlite:") {
        return false;
    }
    Url::parse(text).map_or(true, |url| {
        url.cannot_be_a_base() || url.password().is_some() || url.query().is_some()
    })
}

/// The output size of the HMAC.
const MIN_BYTES: usize = 32;
/// Low enough for random keys: 32 random hexadecimal digits have 14 distinct ones on average.
const MIN_DISTINCT_BYTES: usize = 8;
/// A key must not repeat a unit of up to this length.
const MAX_REPEATED_BYTES: usize = 16;
/// Prefixes of keys in tutorials.
const WELL_KNOWN_PREFIXES: [&str; 6] = [
    "django-insecure-",
    "your-256-bit-secret",
    "a-string-secret-at-least-256-bits-long",
    "a-valid-string-secret-that-is-at-least-512-bits-long",
    "qwertyuiop",
    "0123456789abcdefghij",
];
/// Words in keys that were meant to be replaced.
const PLACEHOLDERS: [&str; 6] =
    ["changeme", "change-me", "change_me", "replaceme", "replace-me", "replace_me"];

/// Checks a signing key. The error is the broken rule, phrased to follow the name of the setting.
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
    use super::{Secret, printable, signing_key};

    #[test]
    fn a_value_is_printed_unless_it_may_be_a_secret() {
        let cases = [
            ("http.bind", "0.0.0.0:80", "\"0.0.0.0:80\""),
            ("auth.secret", "", "\"\""),
            ("auth.secret", "x", "(hidden)"),
            ("storage.url", "", "\"\""),
            ("storage.url", "sqlite:///tmp/a b", "\"sqlite:///tmp/a b\""),
            ("storage.url", "postgres://chat@db/chat", "\"postgres://chat@db/chat\""),
            ("storage.url", "postgres://chat:pw@db/chat", "(hidden)"),
            ("storage.url", "postgres://db/chat?password=pw", "(hidden)"),
            ("storage.url", "postgres:chat:pw@db", "(hidden)"),
            ("bus.redis_url", "redis://:pw@h", "(hidden)"),
            ("bus.redis_url", "not a url pw", "(hidden)"),
        ];
        for (key, text, want) in cases {
            assert_eq!(printable(key, text), want, "case: {key} {text}");
        }
    }

    #[test]
    fn a_secret_is_not_printed() {
        let secret = Secret::new("hunter2");

        assert_eq!(format!("{secret} {secret:?}"), "(hidden) (hidden)");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn short_well_known_and_regular_keys_are_refused() {
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
    fn random_keys_are_accepted() {
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
