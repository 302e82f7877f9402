//! Which texts are equal.

use std::borrow::Cow;

use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;
use unicase::UniCase;
use unicode_normalization::char::canonical_combining_class;
use unicode_normalization::{UnicodeNormalization as _, is_nfc, is_nfkc};

/// Returns the text in normalisation form C, in which texts that look the same to their author are
/// the same: `é` is one character, however it was typed.
#[must_use]
pub fn composed(text: &str) -> Cow<'_, str> {
    if is_nfc(text) { text.into() } else { text.nfc().collect::<String>().into() }
}

/// Returns the text in normalisation form KC, in which a keyboard's widths and ligatures do not
/// matter either.
#[must_use]
pub fn normalized(text: &str) -> Cow<'_, str> {
    if is_nfkc(text) { text.into() } else { text.nfkc().collect::<String>().into() }
}

/// Returns the key under which a text is compared: two texts are equal if their keys are.
///
/// This is Unicode's `toNFKC_Casefold`, so case, normal form and invisible characters do not
/// matter, and accents do. In addition a dot above `i` does not matter: `İstanbul` in lower case is
/// `istanbul` to Turkish and to everybody else.
#[must_use]
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    // Canonical order first, because the fold of U+0345 is a letter. Compatibility forms can have
    // another case than the letters that they stand for, so both are undone twice.
    let decomposed: String = text.nfd().filter(|c| !is_ignorable(*c)).collect();
    let once: String = in_folded_case(&decomposed).nfkd().filter(|c| !is_ignorable(*c)).collect();
    let twice: String = in_folded_case(&once).nfkd().collect();
    without_dots_above_i(&twice).nfkc().collect()
}

fn in_folded_case(text: &str) -> String {
    UniCase::unicode(text).to_folded_case()
}

/// Whether a character shows nothing and only changes how others are shown, such as a soft hyphen,
/// a joiner or a variation selector.
pub(super) fn is_ignorable(c: char) -> bool {
    !c.is_ascii() && CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// `text` is decomposed and in lower case.
fn without_dots_above_i(text: &str) -> String {
    let mut is_over_i = false;
    let mut is_kept = |c: &char| {
        let is_dot = is_over_i && *c == '\u{307}';
        match canonical_combining_class(*c) {
            // A letter.
            0 => is_over_i = *c == 'i',
            // A mark above, the only kind that comes between a letter and a dot above it.
            230 if !is_dot => is_over_i = false,
            _ => {}
        }
        !is_dot
    };
    text.chars().filter(|c| is_kept(c)).collect()
}
