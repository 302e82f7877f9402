use std::sync::Arc;

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use crate::text;

/// How names and e-mail addresses of accounts are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameRule {
    /// Every character counts, as for the reference.
    Exact,
    /// By [`text::fold`], so that nobody registers the name of another user in capitals.
    Folded,
}

/// Names that mentions may use for several users at once. Compared by [`text::fold`].
const RESERVED: [&str; 3] = ["all", "everyone", "here"];

/// 1 to 150 letters and numbers of any script, and `@ . + - _`.
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

    /// Parses a new, untrusted name. With [`NameRule::Folded`], accents may be typed as marks, and
    /// some names are reserved.
    pub fn parse_new(raw: &str, rule: NameRule) -> Result<Self, Vec<UsernameError>> {
        match rule {
            NameRule::Exact => Self::parse(raw),
            NameRule::Folded => {
                let name = Self::parse(&text::composed(raw))?;
                let is_reserved = RESERVED.contains(&name.key().as_str());
                if is_reserved { Err(vec![UsernameError::Reserved]) } else { Ok(name) }
            }
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns what equal names have in common.
    #[must_use]
    pub fn key(&self) -> String {
        text::fold(&self.0)
    }

    /// Returns the key of the names that any text means, `None` if it is far too long for a name.
    #[must_use]
    pub fn key_of(raw: &str) -> Option<String> {
        // The longest forms of the longest name are shorter.
        (raw.len() <= 8_192).then(|| text::fold(raw))
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
    #[error("this name is reserved for mentions of several users")]
    Reserved,
}

#[cfg(test)]
mod tests {
    use super::{NameRule, Username, UsernameError};
    use crate::{Email, Emoji, text};

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
    #[test]
    fn new_names_are_composed_and_must_not_be_reserved() {
        let new = |raw| Username::parse_new(raw, NameRule::Folded);
        let exact = |raw| Username::parse_new(raw, NameRule::Exact);

        assert_eq!(new("Zoe\u{308}").unwrap().as_str(), "Zo\u{eb}");
        assert_eq!(exact("Zoe\u{308}"), Err(vec![UsernameError::IllegalCharacter]));
        assert_eq!(new("q\u{308}"), Err(vec![UsernameError::IllegalCharacter]), "no such letter");
        for name in ["all", "All", "HERE", "everyone", "ａｌｌ"] {
            assert_eq!(new(name), Err(vec![UsernameError::Reserved]), "{name}");
            assert!(exact(name).is_ok(), "{name}");
        }
        assert!(new("all_").is_ok() && new("allan").is_ok());
    }

    #[test]
    fn equal_names_have_the_same_key() {
        let key = |name| Username::parse(name).unwrap().key();

        assert_eq!(key("Straße"), key("STRASSE"));
        assert_eq!(key("İstanbul"), key("istanbul"));
        assert_ne!(key("Zoë"), key("Zoe"));
    }

    #[test]
    fn fuzz_names() {
        bolero::check!(name = "names").with_iterations(256).for_each(|input: &[u8]| {
            let raw = &*String::from_utf8_lossy(input);

            if let Ok(name) = Username::parse(raw) {
                assert_eq!(name.as_str(), raw);
                assert!((1..=Username::MAX_CHARS).contains(&raw.chars().count()));
                assert_eq!(Username::key_of(raw), Some(name.key()));
            }
            if let Ok(name) = Username::parse_new(raw, NameRule::Folded) {
                assert_eq!(name.key(), text::fold(raw));
                assert_eq!(Username::parse(name.as_str()).as_ref(), Ok(&name));
                assert_eq!(Username::parse_new(name.as_str(), NameRule::Folded), Ok(name));
            }
            if let Ok(email) = Email::parse(raw) {
                assert_eq!(email.as_str(), raw);
                assert!(raw.chars().count() <= Email::MAX_CHARS);
                assert!(!raw.contains(['\0', '\r', '\n']) && raw.contains('@'));
            }
            if let Ok(emoji) = Emoji::parse(raw) {
                assert!(
                    !text::is_blank(emoji.as_str()) && emoji.as_str().len() <= Emoji::MAX_BYTES
                );
                assert_eq!(Emoji::parse(emoji.as_str()), Ok(emoji));
            }
        });
    }
}
