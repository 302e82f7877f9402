//! Titles, topics, and the texts of profiles.

use std::borrow::Cow;
use std::sync::Arc;

use crate::text;

macro_rules! label {
    ($(#[$doc:meta])* $name:ident, $max:literal, $check:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(Arc<str>);

        impl $name {
            /// In Unicode scalar values.
            pub const MAX_CHARS: usize = $max;

            /// Parses untrusted text; trims surrounding white space.
            pub fn parse(raw: &str) -> Result<Self, LabelError> {
                let text = $check(text::trim(raw))?;
                if text::is_blank(&text) {
                    return Err(LabelError::Blank);
                }
                if text.chars().count() > Self::MAX_CHARS {
                    return Err(LabelError::TooLong { max: Self::MAX_CHARS });
                }
                Ok(Self(text.into()))
            }

            /// Wraps a stored text, which an earlier rule may have accepted.
            #[must_use]
            pub fn accepted(raw: impl Into<Arc<str>>) -> Self {
                Self(raw.into())
            }

            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    };
}

label!(
    /// The name of a group: a single line.
    Title,
    100,
    one_line
);
label!(
    /// The topic of a group: a few lines.
    Topic,
    1_000,
    lines
);

label!(
    /// A user's chosen name: a single line. Not unique, and not used to sign in.
    DisplayName,
    64,
    one_line
);
label!(
    /// A user's self-description: a few lines.
    About,
    500,
    lines
);

fn one_line(text: &str) -> Result<Cow<'_, str>, LabelError> {
    if text.chars().any(|c| c.is_control() || text::is_line_break(c)) {
        return Err(LabelError::Control);
    }
    if text.chars().any(text::is_bidi_control) {
        return Err(LabelError::Direction);
    }
    Ok(text.into())
}

/// Writes every line break as U+000A.
fn lines(text: &str) -> Result<Cow<'_, str>, LabelError> {
    let is_other_break = |c| c != '\n' && text::is_line_break(c);
    let text: Cow<'_, str> = if text.contains(is_other_break) {
        text.replace("\r\n", "\n").replace(is_other_break, "\n").into()
    } else {
        text.into()
    };
    let is_refused = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if text.contains(is_refused) { Err(LabelError::Control) } else { Ok(text) }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// Shows nothing.
    #[error("may not be blank")]
    Blank,
    /// Holds a control character or, in a single line, a line break.
    #[error("may not hold control characters, nor line breaks if it is a single line")]
    Control,
    #[error("may not hold characters that change the direction of the text")]
    Direction,
    #[error("has at most {max} characters")]
    TooLong {
        /// In Unicode scalar values.
        max: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::{About, DisplayName, LabelError, Title, Topic};

    #[test]
    fn labels_have_a_limited_length() {
        let of = |chars| "é".repeat(chars);

        assert_eq!(Title::parse(&of(100)).unwrap().as_str(), of(100));
        assert_eq!(Title::parse(&of(101)), Err(LabelError::TooLong { max: 100 }));
        assert_eq!(Topic::parse(&of(1_001)), Err(LabelError::TooLong { max: 1_000 }));
        assert_eq!(DisplayName::parse(&of(64)).unwrap().as_str(), of(64));
        assert_eq!(DisplayName::parse(&of(65)), Err(LabelError::TooLong { max: 64 }));
        assert_eq!(About::parse(&of(500)).unwrap().as_str(), of(500));
        assert_eq!(About::parse(&of(501)), Err(LabelError::TooLong { max: 500 }));
    }

    #[test]
    fn labels_that_show_nothing_are_blank() {
        for text in
            ["", " \t", "\u{200b}", "\u{3164}", "\u{2800}", "\u{301}", "\u{e0041}", "\u{378}"]
        {
            assert_eq!(Title::parse(text), Err(LabelError::Blank), "{text:?}");
            assert_eq!(DisplayName::parse(text), Err(LabelError::Blank), "{text:?}");
            assert_eq!(Topic::parse(text), Err(LabelError::Blank), "{text:?}");
            assert_eq!(About::parse(text), Err(LabelError::Blank), "{text:?}");
        }
        assert_eq!(Title::parse("  Lunch \t").unwrap().as_str(), "Lunch");
    }

    #[test]
    fn titles_and_display_names_are_one_line_in_its_own_direction() {
        for c in "\n\r\t\0\u{7f}\u{85}\u{2028}\u{2029}".chars() {
            let text = format!("a{c}b");
            assert_eq!(Title::parse(&text), Err(LabelError::Control), "{c:?}");
            assert_eq!(DisplayName::parse(&text), Err(LabelError::Control), "{c:?}");
        }
        for c in "\u{202a}\u{202d}\u{202e}\u{2066}\u{2069}".chars() {
            let text = format!("a{c}b");
            assert_eq!(Title::parse(&text), Err(LabelError::Direction), "{c:?}");
            assert_eq!(DisplayName::parse(&text), Err(LabelError::Direction), "{c:?}");
        }
        assert_eq!(Title::parse("שלום \u{200f}bob").unwrap().as_str(), "שלום \u{200f}bob");
    }

    #[test]
    fn topics_and_about_texts_take_tabs_and_line_breaks_of_every_kind() {
        let text = "a\tb\nc\r\nd\re\u{2028}f\u{2029}g\u{85}h";

        assert_eq!(Topic::parse(text).unwrap().as_str(), "a\tb\nc\nd\ne\nf\ng\nh");
        assert_eq!(About::parse(text).unwrap().as_str(), "a\tb\nc\nd\ne\nf\ng\nh");
        assert_eq!(Topic::parse("a\0b"), Err(LabelError::Control));
        assert_eq!(About::parse("a\u{1b}b"), Err(LabelError::Control));
    }
}
