//! Mentions of members in messages.

use std::sync::Arc;

use crate::username::is_allowed;
use crate::{UserId, Username};

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

/// The names that one `@` may refer to, longest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) names: Vec<Username>,
    /// Whether the word is `all`.
    pub(crate) is_all: bool,
}

/// Returns every mention in a text. An `@` within a word, as in an e-mail address, is not a
/// mention. Names may contain punctuation and be followed by it, so `@ann.lee.` may refer to
/// `ann.lee.`, `ann.lee` or `ann`, but not to `an`.
pub(crate) fn calls(text: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut known = 0;
    let mut before = None;
    let mut rest = text;
    while let Some(at) = rest.find('@') {
        let (head, tail) = rest.split_at(at);
        before = head.chars().next_back().or(before);
        let after = tail.get(1..).unwrap_or_default();
        let within_word = before.is_some_and(|c| is_allowed(c) || c == '@');
        if !within_word {
            let call = call(after);
            known += call.names.len();
            if known > MAX_NAMES {
                break;
            }
            if call.is_all || !call.names.is_empty() {
                calls.push(call);
            }
        }
        before = Some('@');
        rest = after;
    }
    calls
}

fn call(after: &str) -> Call {
    let mut names = Vec::new();
    let mut is_all = false;
    let mut end = 0;
    for (count, c) in after.chars().take(Username::MAX_CHARS).enumerate() {
        if !is_allowed(c) {
            break;
        }
        let start = end;
        end += c.len_utf8();
        // A name may end before or after punctuation, or at the end of the word.
        if is_punctuation(c) && count > 0 {
            names.extend(name(after, start));
        }
        let next = after.get(end..).and_then(|rest| rest.chars().next());
        if is_punctuation(c) || !next.is_some_and(is_allowed) {
            names.extend(name(after, end));
        }
    }
    names.dedup();
    names.reverse();
    is_all |= names.iter().any(|name| name.as_str() == "all");
    Call { names, is_all }
}

fn name(text: &str, end: usize) -> Option<Username> {
    text.get(..end).and_then(|name| Username::parse(name).ok())
}

fn is_punctuation(c: char) -> bool {
    matches!(c, '@' | '.' | '+' | '-' | '_')
}

#[cfg(test)]
mod tests {
    use super::{MAX_NAMES, calls};

    fn names(text: &str) -> Vec<Vec<String>> {
        let names = |call: &super::Call| {
            call.names.iter().map(|name| name.as_str().to_owned()).collect::<Vec<_>>()
        };
        calls(text).iter().map(names).collect()
    }

    #[test]
    fn a_mention_is_an_at_sign_before_a_name() {
        let none: [&[&str]; 0] = [];

        assert_eq!(names("hi @ann!"), [["ann"]]);
        assert_eq!(names("@ann.lee, hello"), [["ann.lee", "ann.", "ann"]]);
        assert_eq!(names("@ann."), [["ann.", "ann"]]);
        assert_eq!(names("(@Пётр)"), [["Пётр"]]);
        assert_eq!(names("@ann @bob"), [["ann"], ["bob"]]);
        assert_eq!(names("mail ann@example.com"), none);
        assert_eq!(names("@ nobody @"), none);
        assert_eq!(names("@@ann"), [["@ann", "@"]]);
    }

    #[test]
    fn at_all_mentions_everyone() {
        let is_all = |text| calls(text).iter().any(|call| call.is_all);

        assert!(is_all("@all: lunch") && is_all("@all."));
        assert!(!is_all("@allan") && !is_all("all"));
    }

    #[test]
    fn only_the_first_mentions_of_a_text_count() {
        let many = "@a ".repeat(100_000);
        let dots = format!("@{}", "a.".repeat(75));

        assert_eq!(calls(&many).len(), MAX_NAMES);
        assert_eq!(calls(&dots), []);
    }
}
