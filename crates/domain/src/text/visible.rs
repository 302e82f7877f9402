//! Which texts show anything.

use unicode_properties::{
    GeneralCategory as Category, GeneralCategoryGroup as Group, UnicodeGeneralCategory as _,
};

use super::fold::is_ignorable;

/// Whether a text shows nothing: it holds only white space, controls, marks without a letter,
/// characters that are invisible by themselves, and code points without a character.
#[must_use]
pub fn is_blank(text: &str) -> bool {
    !text.chars().any(is_visible)
}

fn is_visible(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_graphic();
    }
    let may_show = match c.general_category_group() {
        Group::Letter | Group::Number | Group::Punctuation | Group::Symbol => true,
        Group::Mark | Group::Separator => false,
        Group::Other => match c.general_category() {
            Category::Format => is_sign_around_numbers(c),
            Category::PrivateUse => true,
            _ => false,
        },
    };
    may_show && !is_ignorable(c) && !is_empty_glyph(c)
}

/// Format characters that are drawn around the digits after them (`Prepended_Concatenation_Mark`).
fn is_sign_around_numbers(c: char) -> bool {
    matches!(
        c,
        '\u{600}'..='\u{605}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
            | '\u{110bd}' | '\u{110cd}'
    )
}

/// Symbols whose glyph is empty: the Braille pattern without dots, and the null notehead.
fn is_empty_glyph(c: char) -> bool {
    matches!(c, '\u{2800}' | '\u{1d159}')
}

/// Whether a text continues on another line after this character.
#[must_use]
pub fn is_line_break(c: char) -> bool {
    matches!(c, '\n'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether a character sets the direction of the text after it, so that a line can show its
/// characters in another order than they have.
#[must_use]
pub fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Removes surrounding white space like the reference: Unicode's, and U+001C to U+001F.
#[must_use]
pub fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c))
}
