use std::sync::Arc;

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

/// 1 to 150 letters and numbers of any script, and `@ . + - _`.
///
/// Compared exactly: no case folding, no normalisation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Username(Arc<str>);

impl Username {
    /// In Unicode scalar values.
    pub const MAX_CHARS: usize = 150;

    /// Parses an untrusted name. Returns every rule that it breaks, in the order of [`UsernameError`].
    pub fn parse(raw: &str) -> Result<Self, Vec<UsernameError>> {
        let mut broken = Vec::new();
        if raw.is_empty() || !raw.chars().all(is_allowed) {
            broken.push(UsernameError::IllegalCharacter);
        }
        if raw.chars().count() > Self::MAX_CHARS {
            broken.push(UsernameError::TooLong);
        }
        if broken.is_empty() { Ok(Self(raw.into())) } else { Err(broken) }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Letters are judged by general category: marks, some of which Unicode counts as `Alphabetic`,
/// are not letters.
pub(crate) fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || matches!(c, '@' | '.' | '+' | '-' | '_')
        || (!c.is_ascii()
            && matches!(
                c.general_category_group(),
                GeneralCategoryGroup::Letter | GeneralCategoryGroup::Number
            ))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UsernameError {
    /// Empty, or contains a character that is not allowed.
    #[error("a username holds only letters, numbers, and @/./+/-/_")]
    IllegalCharacter,
    #[error("a username has at most 150 characters")]
    TooLong,
}

#[cfg(test)]
mod tests {
    use super::{Username, UsernameError};

    #[test]
    fn usernames_allow_letters_of_any_script_but_no_marks() {
        use UsernameError::{IllegalCharacter, TooLong};
        let long = "é".repeat(Username::MAX_CHARS);
        let cases = [
            ("plain", "a.b+c-d_e@f", vec![]),
            ("cyrillic", "Пользователь", vec![]),
            ("superscript two", "²", vec![]),
            ("circled one", "①", vec![]),
            ("arabic-indic three", "٣", vec![]),
            ("ligature", "ﬁ", vec![]),
            ("roman numeral", "Ⅷ", vec![]),
            ("empty", "", vec![IllegalCharacter]),
            ("space", "a b", vec![IllegalCharacter]),
            ("combining acute", "e\u{301}", vec![IllegalCharacter]),
            ("undertie", "a\u{203f}b", vec![IllegalCharacter]),
            ("zero width joiner", "a\u{200d}b", vec![IllegalCharacter]),
            ("circled letter", "Ⓐ", vec![IllegalCharacter]),
            ("emoji", "smile😀", vec![IllegalCharacter]),
            ("at the limit", &long, vec![]),
            ("past the limit", &format!("{long} "), vec![IllegalCharacter, TooLong]),
        ];

        for (name, raw, want) in cases {
            let got = Username::parse(raw).err().unwrap_or_default();
            assert_eq!(got, want, "case: {name}");
        }
    }
}
