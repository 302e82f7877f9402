//! Mentions of members in messages. `docs/api.md` describes the grammar.

mod names;
mod plain;

use std::sync::Arc;

use crate::{UserId, Username, text};

/// Names looked up per message; further mentions are ignored.
const MAX_NAMES: usize = 100;

/// The users that a message mentions. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mentions {
    /// Members, each once, in the order of the text.
    pub users: Arc<[UserId]>,
    /// Whether the message mentions everyone.
    pub all: bool,
}

impl Mentions {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.users.is_empty() && !self.all
    }

    /// Returns whether the message mentions `user`.
    #[must_use]
    pub fn call(&self, user: UserId) -> bool {
        self.all || self.users.contains(&user)
    }
}

/// What one `@` may mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    /// The names of the user that it may refer to; the first that a member has counts.
    pub(crate) names: Vec<Username>,
    /// Whether it may refer to everyone.
    pub(crate) is_all: bool,
}

/// Returns every mention in a text.
pub(crate) fn calls(text: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    if !text.contains('@') {
        return calls;
    }
    let text = plain::plain(&text::composed(text));
    let (mut known, mut scanned) = (0, 0);
    for (at, _) in text.match_indices('@') {
        let (before, after) = text.split_at(at);
        if at < scanned || names::is_within_word(before) {
            continue;
        }
        let (word, rest) = names::word(after.get(1..).unwrap_or_default());
        // Another `@` in the word belongs to it.
        scanned = at + 1 + word.len();
        let Some(names) = names::names(before, word, rest) else { continue };
        known += names.len();
        if known > MAX_NAMES {
            break;
        }
        let is_all = names.iter().any(|name| name.key() == "all");
        calls.push(Call { names, is_all });
    }
    calls
}

#[cfg(test)]
mod tests {
    use super::{MAX_NAMES, calls};
    use crate::{Username, text};

    #[test]
    fn only_the_first_mentions_of_a_text_count() {
        assert_eq!(calls(&"@a ".repeat(100_000)).len(), MAX_NAMES);
    }

    /// Would not end if the work for a character grew with the text.
    #[test]
    fn long_texts_are_scanned_in_one_pass() {
        let runs: String = (1..1_500).map(|n| "`".repeat(n) + " ").collect();
        let texts = [
            "@".repeat(1_000_000),
            "a@".repeat(500_000),
            "_@".repeat(500_000),
            "@a/a".repeat(250_000),
            "字@".repeat(300_000),
            format!("@{}", "字".repeat(300_000)),
            format!("@{}", ".".repeat(1_000_000)),
            format!("{runs}@a"),
            "://@a".repeat(200_000),
            "a.a/@a".repeat(150_000),
            "```\n".repeat(250_000) + "@a",
            "> @a\n".repeat(200_000),
        ];

        for text in texts {
            assert!(calls(&text).len() <= MAX_NAMES);
        }
    }

    #[test]
    fn fuzz_mentions() {
        bolero::check!(name = "mentions").with_iterations(256).for_each(|input: &[u8]| {
            let text = String::from_utf8_lossy(input);
            let text = text::composed(&text);
            let found = calls(&text);

            assert!(found.iter().map(|call| call.names.len()).sum::<usize>() <= MAX_NAMES);
            // Each call has an `@` of its own, in the order of the text, and the names follow it.
            let mut rest = &*text;
            for call in &found {
                let names: Vec<&str> = call.names.iter().map(Username::as_str).collect();
                let longest = *names.iter().max_by_key(|name| name.len()).unwrap();
                assert!(names.iter().all(|name| longest.starts_with(name)), "{names:?}");
                let (_, behind) = rest.split_once(&format!("@{longest}")).unwrap();
                rest = &rest[rest.len() - behind.len() - longest.len()..];
            }
            let quote: Vec<String> = text.split('\n').map(|line| format!("> {line}")).collect();
            assert_eq!(calls(&quote.join("\n")), []);
            if !text.contains('`') {
                assert_eq!(calls(&format!("```\n{text}\n```")), []);
            }
        });
    }
}
