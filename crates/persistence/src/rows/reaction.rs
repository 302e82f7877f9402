//! Mentions and reactions as the texts that messages keep.

use std::fmt::Write as _;

use domain::{Emoji, Mentions, Reaction, Reactions, UserId};

const ALL: &str = "all";

/// Ids with a space between them; `all` for everybody.
pub(crate) fn mentions_text(mentions: &Mentions) -> String {
    let ids = mentions.users.iter().map(ToString::to_string);
    ids.chain(mentions.all.then(|| ALL.to_owned())).collect::<Vec<_>>().join(" ")
}

/// `None` for a text that is none of ours.
pub(crate) fn mentions(text: &str) -> Option<Mentions> {
    let words = || text.split_ascii_whitespace();
    let ids = words().filter(|word| *word != ALL).map(user);
    Some(Mentions { users: ids.collect::<Option<_>>()?, all: words().any(|word| word == ALL) })
}

/// A line for each emoji: the emoji, and the ids of who used it.
pub(crate) fn reactions_text(reactions: &Reactions) -> String {
    let mut text = String::new();
    for Reaction { emoji, users } in reactions.iter() {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(emoji.as_str());
        for user in users {
            // Writing to a text cannot fail.
            let _ = write!(text, " {user}");
        }
    }
    text
}

/// `None` for a text that is none of ours.
pub(crate) fn reactions(text: &str) -> Option<Reactions> {
    let reaction = |line: &str| {
        let mut words = line.split(' ');
        let emoji = Emoji::parse(words.next()?).ok()?;
        Some(Reaction { emoji, users: words.map(user).collect::<Option<_>>()? })
    };
    text.lines().map(reaction).collect()
}

fn user(word: &str) -> Option<UserId> {
    word.parse().ok().map(UserId::new)
}

#[cfg(test)]
mod tests {
    use super::{mentions, mentions_text, reactions, reactions_text};
    use domain::{Emoji, Mentions, Reactions, UserId};

    #[test]
    fn what_is_kept_as_text_is_read_back() {
        let [ann, bob] = [1, 2].map(UserId::new);
        let [thumb, code] = ["👍", ":a-b:"].map(|text| Emoji::parse(text).unwrap());
        let some = Reactions::default().with(ann, &thumb, true).unwrap();
        let some = some.with(bob, &thumb, true).unwrap().with(ann, &code, true).unwrap();
        let called = Mentions { users: [bob, ann].into(), all: true };

        assert_eq!(reactions_text(&some), "👍 1 2\n:a-b: 1");
        assert_eq!(reactions(&reactions_text(&some)), Some(some));
        assert_eq!(reactions(""), Some(Reactions::default()));
        assert_eq!(reactions("👍 x"), None);
        assert_eq!(mentions_text(&called), "2 1 all");
        assert_eq!(mentions(&mentions_text(&called)), Some(called));
        assert_eq!(mentions(""), Some(Mentions::default()));
        assert_eq!(mentions("ann"), None);
    }
}
