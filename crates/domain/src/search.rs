//! Searching messages by words.
//!
//! Most scripts separate words by spaces; there a query word finds the words that begin with it.
//! In scripts without spaces a query finds every text that contains it. Segmenting them by a
//! dictionary would split query and text differently, and so miss matches.

use std::iter;
use std::sync::Arc;

use unicode_properties::{
    GeneralCategory, GeneralCategoryGroup as Group, UnicodeGeneralCategory as _,
};

use crate::text;

/// Only this many first characters of a text are searched.
const SEARCHED_CHARS: usize = 50_000;

/// Only this many first characters of a word are compared.
const WORD_CHARS: usize = 64;

/// What to search for. Cheap to clone.
///
/// Everything between words is ignored, so queries have no syntax.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchQuery(Arc<[Run]>);

/// Letters, marks and numbers without a break, folded by [`text::fold`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Run {
    Word(String),
    /// In a script without spaces.
    Unspaced(String),
}

impl SearchQuery {
    pub const MAX_WORDS: usize = 10;

    /// In Unicode scalar values.
    pub const MAX_WORD_CHARS: usize = WORD_CHARS;

    /// Extracts the words of untrusted text; drops words that another one implies.
    pub fn parse(raw: &str) -> Result<Self, SearchQueryError> {
        let mut runs = runs(raw);
        if runs.is_empty() {
            return Err(SearchQueryError::NoWord);
        }
        if runs.len() > Self::MAX_WORDS {
            return Err(SearchQueryError::TooManyWords);
        }
        if runs.iter().any(|run| run.text().chars().count() > Self::MAX_WORD_CHARS) {
            return Err(SearchQueryError::WordTooLong);
        }
        // Sorts each word directly behind the words that it is a prefix of.
        runs.sort_unstable_by(|one, other| other.cmp(one));
        runs.dedup_by(|run, before| run.is_found_in(before));
        Ok(Self(runs.into()))
    }

    /// Returns prefixes of index terms ([`search_terms`]). A text that the query finds has all of
    /// them, but a text that has all of them may not contain the query.
    pub fn terms(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|run| match run {
            Run::Word(word) => vec![word.as_str()],
            Run::Unspaced(text) => {
                pairs(text).filter(|pair| is_pair_or_whole(pair, text)).collect()
            }
        })
    }

    /// Returns whether every word of the query is found in the text.
    #[must_use]
    pub fn finds(&self, text: &str) -> bool {
        let runs = searched_runs(text);
        self.0.iter().all(|wanted| runs.iter().any(|run| wanted.is_found_in(run)))
    }
}

impl Run {
    fn text(&self) -> &str {
        match self {
            Self::Word(text) | Self::Unspaced(text) => text,
        }
    }

    fn is_found_in(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Word(wanted), Self::Word(word)) => word.starts_with(wanted.as_str()),
            (Self::Unspaced(wanted), Self::Unspaced(text)) => text.contains(wanted.as_str()),
            _ => false,
        }
    }
}

/// Returns the terms under which a text is indexed: its words, and for scripts without spaces each
/// character with the one behind it.
pub fn search_terms(text: &str) -> impl Iterator<Item = String> {
    searched_runs(text).into_iter().flat_map(|run| match run {
        Run::Word(word) => vec![word],
        Run::Unspaced(text) => pairs(&text).map(str::to_owned).collect(),
    })
}

/// Each character with the one behind it; the last one is alone.
fn pairs(text: &str) -> impl Iterator<Item = &str> {
    let ends = text.char_indices().skip(2).map(|(end, _)| end);
    let ends = ends.chain(iter::repeat_n(text.len(), 2));
    text.char_indices().zip(ends).filter_map(|((start, _), end)| text.get(start..end))
}

/// The last character of a query begins a pair of the text, or ends it, so it is no term.
fn is_pair_or_whole(pair: &str, text: &str) -> bool {
    pair.len() == text.len() || pair.chars().nth(1).is_some()
}

/// The runs of the part of a text that is searched. Long words are truncated.
fn searched_runs(text: &str) -> Vec<Run> {
    let mut runs = runs(beginning(text, SEARCHED_CHARS));
    for run in &mut runs {
        if let Run::Word(word) = run {
            word.truncate(beginning(word, WORD_CHARS).len());
        }
    }
    runs
}

fn beginning(text: &str, chars: usize) -> &str {
    // Most texts are short, and need no counting.
    if text.len() <= chars {
        return text;
    }
    let end = text.char_indices().nth(chars).map_or(text.len(), |(end, _)| end);
    text.get(..end).unwrap_or_default()
}

fn runs(text: &str) -> Vec<Run> {
    let folded = text::fold(text);
    // Some characters stand for many.
    let folded = beginning(&folded, SEARCHED_CHARS);
    folded.split(|c| !is_of_word(c)).flat_map(split_by_script).collect()
}

/// Splits a run where a script with spaces meets one without.
fn split_by_script(run: &str) -> Vec<Run> {
    let mut parts: Vec<Run> = Vec::new();
    for c in run.chars() {
        match parts.last_mut() {
            Some(Run::Word(text)) if is_mark(c) || !text::is_unspaced(c) => text.push(c),
            Some(Run::Unspaced(text)) if is_mark(c) || text::is_unspaced(c) => text.push(c),
            _ if text::is_unspaced(c) => parts.push(Run::Unspaced(c.into())),
            _ => parts.push(Run::Word(c.into())),
        }
    }
    parts
}

fn is_mark(c: char) -> bool {
    !c.is_ascii() && c.general_category_group() == Group::Mark
}

/// Unassigned code points count, because they may become letters.
fn is_of_word(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric();
    }
    matches!(c.general_category_group(), Group::Letter | Group::Mark | Group::Number)
        || c.general_category() == GeneralCategory::Unassigned
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
    use super::{SEARCHED_CHARS, SearchQuery, SearchQueryError, WORD_CHARS, search_terms};
    use crate::text;

    #[test]
    fn words_are_folded_runs_of_letters_marks_and_numbers() {
        let cases = [
            ("", vec![]),
            (" .,-_:*\"'()\n", vec![]),
            ("Hello, World!", vec!["hello", "world"]),
            ("snake_case x2 3.14", vec!["snake", "case", "x2", "3", "14"]),
            ("Straße—ÉTÉ", vec!["strasse", "été"]),
            ("e\u{301}te\u{301}", vec!["été"]),
            ("ΟΔΟΣ οδος", vec!["οδοσ", "οδοσ"]),
            ("हिन्दी", vec!["हिन्दी"]),
            ("你好，世界。", vec!["你好", "好", "世界", "界"]),
            ("iPhone手机壳2024年", vec!["iphone", "手机", "机壳", "壳", "2024", "年"]),
            ("コーヒー", vec!["コー", "ーヒ", "ヒー", "ー"]),
            ("ดี", vec!["ดี", "\u{e35}"]),
            ("ｶﾞｰ ＡＢＣ co\u{ad}op", vec!["ガー", "ー", "abc", "coop"]),
            ("ok👍go", vec!["ok", "go"]),
        ];
        for (text, want) in cases {
            assert_eq!(search_terms(text).collect::<Vec<_>>(), want, "{text}");
        }
    }

    #[test]
    fn only_the_beginning_of_long_words_and_texts_counts() {
        let long = "é".repeat(WORD_CHARS + 1);
        let many = "a ".repeat(SEARCHED_CHARS);

        assert_eq!(search_terms(&long).collect::<Vec<_>>(), ["é".repeat(WORD_CHARS)]);
        assert_eq!(search_terms(&many).count(), SEARCHED_CHARS / 2);
    }

    #[test]
    fn queries_limit_the_number_and_length_of_words() {
        let parse = |text: &str| {
            SearchQuery::parse(text).map(|query| query.terms().collect::<Vec<_>>().join("|"))
        };
        let (at_limit, past_limit) = ("x".repeat(64), "x".repeat(65));

        assert_eq!(parse(" Two  wörds! "), Ok("wörds|two".to_owned()));
        assert_eq!(parse("a OR b* \"c\""), Ok("or|c|b|a".to_owned()));
        assert_eq!(parse("he hello HELLO hell yes y"), Ok("yes|hello".to_owned()));
        assert_eq!(parse("手机壳 x"), Ok("手机|机壳|x".to_owned()));
        assert_eq!(parse("壳"), Ok("壳".to_owned()));
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

    #[test]
    fn scripts_without_spaces_are_searched_within_words() {
        let texts = [
            ("我喜欢看电影", "电影"),
            ("私は東京タワーへ行きました", "タワー"),
            ("私は東京タワーへ行きました", "東京タワー"),
            ("ฉันรักภาษาไทย", "ภาษา"),
            ("ຂ້ອຍຮັກພາສາລາວ", "ພາສາ"),
            ("ខ្ញុំស្រលាញ់ភាសាខ្មែរ", "ភាសា"),
            ("ကျွန်တော်မြန်မာစကားပြောတယ်", "မြန်မာ"),
            ("新しいiPhoneを買った", "iphone 買った"),
        ];
        for (text, query) in texts {
            let parsed = SearchQuery::parse(query).unwrap();
            assert!(parsed.finds(text), "{query}");
            let terms: Vec<String> = search_terms(text).collect();
            let has = |wanted: &str| terms.iter().any(|term| term.starts_with(wanted));
            assert!(parsed.terms().all(has), "{query}");
        }
        let finds = |query, text| SearchQuery::parse(query).unwrap().finds(text);
        assert!(!finds("京都", "東京と都市"));
        assert!(!finds("東京都", "東京 京都"));
    }

    #[test]
    fn fuzz_search_queries() {
        bolero::check!(name = "search_queries").with_iterations(256).for_each(|input: &[u8]| {
            let input = String::from_utf8_lossy(input);
            let (query, text) = input.split_once('\n').unwrap_or((&input, ""));
            let Ok(parsed) = SearchQuery::parse(query) else { return };
            let terms: Vec<&str> = parsed.terms().collect();

            assert!((1..=SearchQuery::MAX_WORDS * WORD_CHARS).contains(&terms.len()));
            assert!(terms.iter().all(|term| (1..=WORD_CHARS).contains(&term.chars().count())));
            assert_eq!(SearchQuery::parse(&text::fold(query)).as_ref(), Ok(&parsed));
            let found = format!("{text}\n{query}");
            if found.chars().count() <= SEARCHED_CHARS && text::fold(&found).len() <= SEARCHED_CHARS
            {
                assert!(parsed.finds(&found));
            }
            if parsed.finds(text) {
                let index: Vec<String> = search_terms(text).collect();
                let is_indexed = |term: &&str| index.iter().any(|other| other.starts_with(term));
                assert!(terms.iter().all(is_indexed), "{index:?} lacks one of {terms:?}");
            }
        });
    }
}
