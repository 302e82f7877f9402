//! Reactions to messages.

use std::collections::HashSet;
use std::sync::Arc;

use crate::UserId;

/// An emoji of Unicode, or a short code such as `:shipit:`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Emoji(Arc<str>);

impl Emoji {
    /// In bytes of UTF-8; the longest emoji sequences have about 40.
    pub const MAX_BYTES: usize = 64;

    /// Parses untrusted text. Of an emoji, every presentation is the same: `❤` is `❤️`.
    pub fn parse(raw: &str) -> Result<Self, EmojiError> {
        if raw.len() > Self::MAX_BYTES {
            return Err(EmojiError::TooLong);
        }
        if let Some(code) = raw.strip_prefix(':').and_then(|rest| rest.strip_suffix(':')) {
            let is_code = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+');
            return if !code.is_empty() && code.bytes().all(is_code) {
                Ok(Self(raw.to_ascii_lowercase().into()))
            } else {
                Err(EmojiError::NotAnEmoji)
            };
        }
        let emoji = emojis::get(raw).or_else(|| {
            // The shortest form of an emoji has no selector of its presentation.
            let bare = raw.replace(['\u{fe0e}', '\u{fe0f}'], "");
            emojis::get(&bare)
        });
        emoji.map(|emoji| Self(emoji.as_str().into())).ok_or(EmojiError::NotAnEmoji)
    }

    /// Wraps a stored reaction, which an earlier rule may have accepted.
    #[must_use]
    pub fn accepted(raw: &str) -> Self {
        Self::parse(raw).unwrap_or_else(|_| Self(raw.into()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EmojiError {
    #[error("must be one emoji, or a short code such as :shipit:")]
    NotAnEmoji,
    #[error("has at most 64 bytes")]
    TooLong,
}

/// The reactions to a message. Cheap to clone.
///
/// Invariant: every emoji occurs once and has users; no user occurs twice under an emoji.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reactions(Arc<[Reaction]>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    pub emoji: Emoji,
    /// In the order of their reactions.
    pub users: Vec<UserId>,
}

impl Default for Reactions {
    fn default() -> Self {
        Self(Arc::new([]))
    }
}

impl Reactions {
    /// Different emojis per message.
    pub const MAX_EMOJIS: usize = 20;
    /// Different emojis per message and user, so that nobody uses up [`Self::MAX_EMOJIS`] alone.
    pub const MAX_EMOJIS_OF_USER: usize = 5;
    /// Reactions per message, over all emojis. Bounded because all of them travel with the
    /// message.
    pub const MAX_USERS: usize = 1_000;

    /// Iterates in the order of each emoji's first use.
    pub fn iter(&self) -> impl Iterator<Item = &Reaction> {
        self.0.iter()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the reactions without those of some users; `None` if none of them has reacted.
    #[must_use]
    pub fn without(&self, users: &HashSet<UserId>) -> Option<Self> {
        let is_theirs = |user: &UserId| users.contains(user);
        if users.is_empty() || !self.iter().any(|all| all.users.iter().any(is_theirs)) {
            return None;
        }
        let mut all: Vec<Reaction> = self.0.to_vec();
        for reaction in &mut all {
            reaction.users.retain(|user| !is_theirs(user));
        }
        all.retain(|reaction| !reaction.users.is_empty());
        Some(Self(all.into()))
    }

    /// Adds or removes a reaction; `None` if there would be too many.
    #[must_use]
    pub fn with(&self, user: UserId, emoji: &Emoji, present: bool) -> Option<Self> {
        let mut all: Vec<Reaction> = self.0.to_vec();
        if let Some(reaction) = all.iter_mut().find(|reaction| reaction.emoji == *emoji) {
            reaction.users.retain(|other| *other != user || present);
            if present && !reaction.users.contains(&user) {
                reaction.users.push(user);
            }
        } else if present {
            all.push(Reaction { emoji: emoji.clone(), users: vec![user] });
        }
        all.retain(|reaction| !reaction.users.is_empty());
        let users: usize = all.iter().map(|reaction| reaction.users.len()).sum();
        let own = all.iter().filter(|reaction| reaction.users.contains(&user)).count();
        let fits = all.len() <= Self::MAX_EMOJIS
            && users <= Self::MAX_USERS
            && own <= Self::MAX_EMOJIS_OF_USER;
        (fits || !present).then(|| Self(all.into()))
    }
}

impl FromIterator<Reaction> for Reactions {
    fn from_iter<I: IntoIterator<Item = Reaction>>(reactions: I) -> Self {
        let mut all: Vec<Reaction> = Vec::new();
        for reaction in reactions {
            // Rows of an earlier rule can hold two forms of one emoji.
            match all.iter_mut().find(|other| other.emoji == reaction.emoji) {
                Some(same) => {
                    let known: HashSet<UserId> = same.users.iter().copied().collect();
                    same.users.extend(reaction.users.into_iter().filter(|u| !known.contains(u)));
                }
                None => all.push(reaction),
            }
        }
        Self(all.into())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{Emoji, EmojiError, Reaction, Reactions};
    use crate::UserId;

    fn emoji(text: &str) -> Emoji {
        Emoji::parse(text).unwrap()
    }

    #[test]
    fn an_emoji_has_one_form() {
        let cases = [
            ("👍", "👍"),
            ("👍🏽", "👍🏽"),
            ("❤\u{fe0f}", "❤\u{fe0f}"),
            ("❤", "❤\u{fe0f}"),
            ("❤\u{fe0e}", "❤\u{fe0f}"),
            ("😀\u{fe0f}", "😀"),
            ("☺", "☺\u{fe0f}"),
            ("1\u{fe0f}\u{20e3}", "1\u{fe0f}\u{20e3}"),
            ("1\u{20e3}", "1\u{fe0f}\u{20e3}"),
            ("🇩🇪", "🇩🇪"),
            ("👨\u{200d}👩\u{200d}👧\u{200d}👦", "👨\u{200d}👩\u{200d}👧\u{200d}👦"),
            ("🏳\u{200d}🌈", "🏳\u{fe0f}\u{200d}🌈"),
            ("❤\u{200d}🔥", "❤\u{fe0f}\u{200d}🔥"),
            ("👩🏿\u{200d}🚀", "👩🏿\u{200d}🚀"),
            (
                "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
                "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            ),
            (":shipit:", ":shipit:"),
            (":+1:", ":+1:"),
            (":Ship_It-2:", ":ship_it-2:"),
        ];
        for (raw, want) in cases {
            assert_eq!(emoji(raw).as_str(), want, "{raw:?}");
        }
    }

    #[test]
    fn other_texts_are_no_emoji() {
        let bad = [
            "", " ", "a", "ok", "8", "#", "\0", "a b", "👍 ", "👍👍", "👍a", "\u{fe0f}",
            "\u{200d}", "🏽x", "♥♥", "\u{3164}", "\u{2800}", "::", ": :", ":a b:", ":é:", ":a",
            "a:", "🇩", "→x", "好",
        ];
        for text in bad {
            assert_eq!(Emoji::parse(text), Err(EmojiError::NotAnEmoji), "{text:?}");
        }
        assert_eq!(Emoji::parse(&"x".repeat(65)), Err(EmojiError::TooLong));
    }

    #[test]
    fn stored_reactions_of_an_earlier_rule_are_kept_and_joined() {
        let of = |emoji: &str, user| Reaction {
            emoji: Emoji::accepted(emoji),
            users: vec![UserId::new(user)],
        };

        let all: Reactions =
            [of("ok", 1), of("❤", 1), of("❤\u{fe0f}", 1), of("❤\u{fe0e}", 2)].into_iter().collect();

        let all: Vec<_> = all.iter().map(|r| (r.emoji.as_str(), r.users.len())).collect();
        assert_eq!(all, [("ok", 1), ("❤\u{fe0f}", 2)]);
    }

    #[test]
    fn reacting_is_idempotent() {
        let (ann, bob) = (UserId::new(1), UserId::new(2));
        let thumb = emoji("👍");

        let both = [(ann, true), (bob, true), (ann, true)];
        let both = both.into_iter().fold(Reactions::default(), |reactions, (user, present)| {
            reactions.with(user, &thumb, present).unwrap()
        });
        let without = both.with(ann, &thumb, false).unwrap().with(ann, &thumb, false).unwrap();
        let none = without.with(bob, &thumb, false).unwrap();

        assert_eq!(both.iter().next().unwrap().users, [ann, bob]);
        assert_eq!(without.iter().next().unwrap().users, [bob]);
        assert!(none.is_empty());
    }

    #[test]
    fn reactions_can_be_shown_without_some_users() {
        let (ann, bob) = (UserId::new(1), UserId::new(2));
        let (thumb, heart) = (emoji("👍"), emoji("❤"));
        let all = [(ann, &thumb), (bob, &thumb), (bob, &heart)];
        let all = all.into_iter().fold(Reactions::default(), |reactions, (user, emoji)| {
            reactions.with(user, emoji, true).unwrap()
        });

        let without_bob = all.without(&HashSet::from([bob])).unwrap();

        let left: Vec<_> = without_bob.iter().map(|reaction| reaction.users.clone()).collect();
        assert_eq!(left, [[ann]]);
        assert_eq!(all.without(&HashSet::from([UserId::new(3)])), None);
        assert_eq!(all.without(&HashSet::new()), None);
    }

    #[test]
    fn reactions_are_bounded_and_can_always_be_removed() {
        let one = UserId::new(1);
        let by =
            |n: usize| UserId::new(i64::try_from(1 + n / Reactions::MAX_EMOJIS_OF_USER).unwrap());
        let full = (0..Reactions::MAX_EMOJIS).fold(Reactions::default(), |all, n| {
            all.with(by(n), &emoji(&format!(":{n}:")), true).unwrap()
        });
        let newcomer = UserId::new(99);

        assert_eq!(full.with(newcomer, &emoji(":new:"), true), None);
        assert!(full.with(newcomer, &emoji(":0:"), true).is_some());
        assert!(full.with(one, &emoji(":0:"), false).is_some());
    }

    #[test]
    fn one_user_cannot_fill_all_emojis_of_a_message() {
        let one = UserId::new(1);
        let own = (0..Reactions::MAX_EMOJIS_OF_USER).fold(Reactions::default(), |all, n| {
            all.with(one, &emoji(&format!(":{n}:")), true).unwrap()
        });

        assert_eq!(own.with(one, &emoji(":new:"), true), None);
        assert!(own.with(one, &emoji(":0:"), true).is_some(), "it is there already");
        assert!(own.with(UserId::new(2), &emoji(":new:"), true).is_some());
    }
}
