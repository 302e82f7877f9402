//! Titles, topics, and the texts of profiles.

use std::sync::Arc;

macro_rules! label {
    ($(#[$doc:meta])* $name:ident, $max:literal, $breaks:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(Arc<str>);

        impl $name {
            /// In Unicode scalar values.
            pub const MAX_CHARS: usize = $max;

            /// Parses untrusted text; trims surrounding white space.
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
    false
);
label!(
    /// The topic of a group: a few lines.
    Topic,
    1_000,
    true
);

label!(
    /// A user's chosen name: a single line. Not unique, and not used to sign in.
    DisplayName,
    64,
    false
);
label!(
    /// A user's self-description: a few lines.
    About,
    500,
    true
);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// Empty or only white space.
    #[error("may not be blank")]
    Blank,
    #[error("may not hold control characters")]
    Control,
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
    fn titles_are_single_line_and_topics_multi_line() {
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
    fn display_names_are_single_line_and_about_texts_multi_line() {
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
