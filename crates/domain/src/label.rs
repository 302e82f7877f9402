//! What conversations and people are called, and what they say of themselves.

use std::sync::Arc;

macro_rules! label {
    ($(#[$doc:meta])* $name:ident, $max:literal, $breaks:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Longest text, in Unicode scalar values.
            pub const MAX_CHARS: usize = $max;

            /// Accepts an untrusted text, without the white space around it.
            pub fn parse(raw: &str) -> Result<Self, LabelError> {
                let text = raw.trim();
                if text.is_empty() {
                    return Err(LabelError::Blank);
                }
                if text.chars().any(|c| c.is_control() && !($breaks && c == '\n')) {
                    return Err(LabelError::Control);
                }
                if text.chars().count() > Self::MAX_CHARS {
                    return Err(LabelError::TooLong { max: Self::MAX_CHARS });
                }
                Ok(Self(text.into()))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    };
}

label!(
    /// The name of a group: one line.
    Title,
    100,
    false
);
label!(
    /// What a group is about: a few lines.
    Topic,
    1_000,
    true
);

label!(
    /// What somebody wants to be called: one line. Not unique, and no name to sign in with.
    DisplayName,
    64,
    false
);
label!(
    /// What somebody says of itself: a few lines.
    About,
    500,
    true
);

/// Why a text is none of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// Nothing but white space.
    #[error("may not be blank")]
    Blank,
    /// Holds control characters.
    #[error("may not hold control characters")]
    Control,
    /// Longer than it may be.
    #[error("holds at most {max} characters")]
    TooLong {
        /// Unicode scalar values.
        max: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::{About, DisplayName, LabelError, Title, Topic};

    #[test]
    fn a_title_is_one_line_and_a_topic_may_be_several() {
        let long = "é".repeat(101);

        assert_eq!(Title::parse("  Lunch \t").unwrap().as_str(), "Lunch");
        assert_eq!(Title::parse(" \n"), Err(LabelError::Blank));
        assert_eq!(Title::parse("a\nb"), Err(LabelError::Control));
        assert_eq!(Title::parse("a\0b"), Err(LabelError::Control));
        assert_eq!(Title::parse(&long), Err(LabelError::TooLong { max: 100 }));
        assert_eq!(Topic::parse("a\nb").unwrap().as_str(), "a\nb");
        assert_eq!(Topic::parse("a\rb"), Err(LabelError::Control));
    }

    #[test]
    fn a_display_name_is_one_line_and_about_may_be_several() {
        let name = "é".repeat(64);
        let about = "é".repeat(500);

        assert_eq!(DisplayName::parse(&name).unwrap().as_str(), name);
        assert_eq!(DisplayName::parse(&format!("{name}é")), Err(LabelError::TooLong { max: 64 }));
        assert_eq!(DisplayName::parse("a\nb"), Err(LabelError::Control));
        assert_eq!(DisplayName::parse(" "), Err(LabelError::Blank));
        assert_eq!(About::parse(&about).unwrap().as_str(), about);
        assert_eq!(About::parse(&format!("{about}é")), Err(LabelError::TooLong { max: 500 }));
        assert_eq!(About::parse("a\nb").unwrap().as_str(), "a\nb");
    }
}
