//! Searching messages by words.

use std::sync::Arc;

use unicode_properties::{
    GeneralCategory, GeneralCategoryGroup as Group, UnicodeGeneralCategory as _,
};

/// Only this many first characters of a text are searched.
const SEARCHED_CHARS: usize = 50_000;

/// Only this many first characters of a word are compared.
const WORD_CHARS: usize = 64;

/// The words to search for: 1 to [`SearchQuery::MAX_WORDS`]. Cheap to clone.
///
/// Everything between words is ignored, so queries have no syntax.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchQuery(Arc<[String]>);

impl SearchQuery {
    pub const MAX_WORDS: usize = 10;

    /// In Unicode scalar values.
    pub const MAX_WORD_CHARS: usize = WORD_CHARS;

    /// Extracts the words of untrusted text; drops words that are a prefix of another.
    pub fn parse(raw: &str) -> Result<Self, SearchQueryError> {
        let mut words: Vec<String> = runs(raw).take(Self::MAX_WORDS + 1).collect();
        if words.is_empty() {
            return Err(SearchQueryError::NoWord);
        }
        if words.len() > Self::MAX_WORDS {
            return Err(SearchQueryError::TooManyWords);
        }
        if words.iter().any(|word| word.chars().count() > Self::MAX_WORD_CHARS) {
            return Err(SearchQueryError::WordTooLong);
        }
        // Sorts each word directly behind the words that it is a prefix of.
        words.sort_unstable_by(|one, other| other.cmp(one));
        words.dedup_by(|word, before| before.starts_with(word.as_str()));
        Ok(Self(words.into()))
    }

    /// Returns the words in lower case; letters, marks and numbers only.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Returns whether every word is a prefix of a word of the text.
    #[must_use]
    pub fn finds(&self, text: &str) -> bool {
        let words: Vec<String> = words(text).collect();
        self.0.iter().all(|wanted| words.iter().any(|word| word.starts_with(wanted)))
    }
}

/// Returns the searchable words of a text in order: runs of letters, marks and numbers, in lower
/// case. Truncates very long texts and words.
pub fn words(text: &str) -> impl Iterator<Item = String> {
    runs(beginning(text, SEARCHED_CHARS)).map(|mut word| {
        word.truncate(beginning(&word, WORD_CHARS).len());
        word
    })
}

fn beginning(text: &str, chars: usize) -> &str {
    // Most texts are short, and need no counting.
    if text.len() <= chars {
        return text;
    }
    let end = text.char_indices().nth(chars).map_or(text.len(), |(end, _)| end);
    text.get(..end).unwrap_or_default()
}

fn runs(text: &str) -> impl Iterator<Item = String> {
    text.split(|c| !is_of_word(c)).filter(|run| !run.is_empty()).map(in_lower_case)
}

fn in_lower_case(run: &str) -> String {
    if run.is_ascii() {
        return run.to_ascii_lowercase();
    }
    run.chars().flat_map(char::to_lowercase).map(one_sigma).collect()
}

/// Unassigned code points count, because they may become letters.
fn is_of_word(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric();
    }
    matches!(c.general_category_group(), Group::Letter | Group::Mark | Group::Number)
        || c.general_category() == GeneralCategory::Unassigned
}

/// The lower-case form of a sigma depends on the next character, so both forms count as equal.
fn one_sigma(c: char) -> char {
    if c == 'ς' { 'σ' } else { c }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SearchQueryError {
    /// Contains neither a letter nor a number.
    #[error("must hold a letter or a number")]
    NoWord,
    #[error("has at most 10 words")]
    TooManyWords,
    #[error("holds words of at most 64 characters")]
    WordTooLong,
}

#[cfg(test)]
mod tests {
    use super::{SEARCHED_CHARS, SearchQuery, SearchQueryError, WORD_CHARS, words};

    #[test]
    fn words_are_lower_case_runs_of_letters_marks_and_numbers() {
        let cases = [
            ("", vec![]),
            (" .,-_:*\"'()\n", vec![]),
            ("Hello, World!", vec!["hello", "world"]),
            ("snake_case x2 3.14", vec!["snake", "case", "x2", "3", "14"]),
            ("Straße—ÉTÉ", vec!["straße", "été"]),
            ("e\u{301}te\u{301}", vec!["e\u{301}te\u{301}"]),
            ("ΟΔΟΣ οδος", vec!["οδοσ", "οδοσ"]),
            ("हिन्दी", vec!["हिन्दी"]),
            ("你好，世界。", vec!["你好", "世界"]),
            ("ok👍go", vec!["ok", "go"]),
        ];
        for (text, want) in cases {
            assert_eq!(words(text).collect::<Vec<_>>(), want, "{text}");
        }
    }

    #[test]
    fn only_the_beginning_of_long_words_and_texts_counts() {
        let long = "é".repeat(WORD_CHARS + 1);
        let many = "a ".repeat(SEARCHED_CHARS);

        assert_eq!(words(&long).collect::<Vec<_>>(), ["é".repeat(WORD_CHARS)]);
        assert_eq!(words(&many).count(), SEARCHED_CHARS / 2);
    }

    #[test]
    fn queries_limit_the_number_and_length_of_words() {
        let parse = |text: &str| {
            SearchQuery::parse(text).map(|query| query.words().collect::<Vec<_>>().join("|"))
        };
        let (at_limit, past_limit) = ("x".repeat(64), "x".repeat(65));

        assert_eq!(parse(" Two  wörds! "), Ok("wörds|two".to_owned()));
        assert_eq!(parse("a OR b* \"c\""), Ok("or|c|b|a".to_owned()));
        assert_eq!(parse("he hello HELLO hell yes y"), Ok("yes|hello".to_owned()));
        assert_eq!(parse(&at_limit), Ok(at_limit));
        assert_eq!(parse(&past_limit), Err(SearchQueryError::WordTooLong));
        assert_eq!(parse(&"a ".repeat(10)).map(drop), Ok(()));
        assert_eq!(parse(&"a ".repeat(11)), Err(SearchQueryError::TooManyWords));
        assert_eq!(parse("?! ..."), Err(SearchQueryError::NoWord));
    }

    #[test]
    fn every_query_word_must_be_a_prefix_in_the_text() {
        let finds = |query, text| SearchQuery::parse(query).unwrap().finds(text);

        assert!(finds("wor hel", "Hello, world"));
        assert!(finds("hello hello", "hello"));
        assert!(!finds("hello there", "Hello, world"));
        assert!(!finds("orld", "Hello, world"));
        assert!(!finds("worlds", "Hello, world"));
    }
}
