//! The names that one `@` may refer to.

use unicode_properties::{GeneralCategoryGroup as Group, UnicodeGeneralCategory as _};

use super::plain::is_domain;
use crate::username::is_allowed;
use crate::{Username, text};

/// Shorter names that are tried where a text has no spaces.
const MAX_CUTS: usize = 12;

/// Forms of a name with more or less of the punctuation after it.
const MAX_PUNCTUATION: usize = 8;

/// Whether the `@` after this text belongs to an e-mail address or to a handle.
pub(super) fn is_within_word(before: &str) -> bool {
    let local = before.trim_end_matches(['-', '_', '+']);
    before.ends_with('@') || local.ends_with(|c: char| c.is_ascii_alphanumeric())
}

/// Splits off the characters that a name may have, no more than a name has.
pub(super) fn word(after: &str) -> (&str, &str) {
    let is_end =
        |(n, (_, c)): &(usize, (usize, char))| *n == Username::MAX_CHARS || !is_allowed(*c);
    let end = after.char_indices().enumerate().find(is_end);
    after.split_at(end.map_or(after.len(), |(_, (end, _))| end))
}

/// Returns the possible names behind an `@`, the most likely first; `None` if it mentions nobody.
pub(super) fn names(before: &str, word: &str, rest: &str) -> Option<Vec<Username>> {
    if is_after_local_part(before, word) || is_scope(rest) {
        return None;
    }
    let mut names = Vec::new();
    // A mark belongs to the letter before it, so no word ends between them.
    if !rest.starts_with(|c| is_allowed(c) || is_mark(c)) {
        add(word, &mut names);
    }
    // The `@` of a handle is part of a longer name, which is that of another server's user.
    if !word.trim_end_matches(is_punctuation).contains('@') {
        for cut in cuts(word) {
            add(cut, &mut names);
        }
    }
    names.dedup();
    (!names.is_empty()).then_some(names)
}

/// Whether the `@` belongs to an e-mail address in another script. A letter of such a script may also
/// precede a mention, because the text may have no spaces, so it depends on what follows.
fn is_after_local_part(before: &str, word: &str) -> bool {
    before.ends_with(|c: char| c.is_alphanumeric() || is_mark(c))
        && is_domain(word.trim_end_matches(is_punctuation))
}

/// Whether a path follows, as in `@scope/package`.
fn is_scope(rest: &str) -> bool {
    rest.strip_prefix('/').is_some_and(|path| path.starts_with(char::is_alphanumeric))
}

/// Adds a name, first without the punctuation after it.
fn add(word: &str, names: &mut Vec<Username>) {
    let bare = word.trim_end_matches(is_punctuation).len();
    // Punctuation is ASCII.
    let ends = (bare..=word.len()).take(MAX_PUNCTUATION);
    names.extend(ends.filter_map(|end| Username::parse(word.get(..end)?).ok()));
}

/// Shorter names than the word, the longest first: a name may end where a script without spaces
/// begins or goes on, and next to Korean, which attaches particles.
fn cuts(word: &str) -> impl Iterator<Item = &str> {
    let next = word.char_indices().skip(1);
    let ends = word.chars().zip(next).filter_map(|(last, (end, next))| {
        let is_other_script = text::is_hangul(last) != text::is_hangul(next)
            || text::is_unspaced(last) && !text::is_unspaced(next);
        let may_end = text::is_unspaced(next)
            || is_other_script && last.is_alphabetic() && next.is_alphabetic();
        may_end.then_some(end)
    });
    let ends: Vec<usize> = ends.take(MAX_CUTS).collect();
    ends.into_iter().rev().filter_map(|end| word.get(..end))
}

fn is_punctuation(c: char) -> bool {
    matches!(c, '@' | '.' | '+' | '-' | '_')
}

fn is_mark(c: char) -> bool {
    !c.is_ascii() && c.general_category_group() == Group::Mark
}
