//! Which texts show anything.

use domain::text::{is_bidi_control, is_blank, is_line_break, trim};

#[test]
fn a_text_is_blank_if_it_shows_nothing() {
    let blank = [
        ("empty", ""),
        ("space", " "),
        ("white space", " \t\r\n\u{b}\u{c}"),
        ("no-break space", "\u{a0}"),
        ("spaces of all widths", "\u{2000}\u{2003}\u{2009}\u{200a}\u{202f}\u{205f}"),
        ("ideographic space", "\u{3000}"),
        ("Ogham space", "\u{1680}"),
        ("line and paragraph separator", "\u{2028}\u{2029}"),
        ("next line", "\u{85}"),
        ("null", "\0"),
        ("control characters", "\u{1}\u{7f}\u{9b}"),
        ("zero-width space", "\u{200b}"),
        ("zero-width joiners", "\u{200c}\u{200d}"),
        ("direction marks", "\u{200e}\u{200f}\u{61c}"),
        ("bidi overrides", "\u{202d}\u{202e}\u{202c}"),
        ("bidi isolates", "\u{2066}\u{2067}\u{2068}\u{2069}"),
        ("word joiner", "\u{2060}"),
        ("invisible operators", "\u{2061}\u{2062}\u{2063}\u{2064}"),
        ("byte order mark", "\u{feff}"),
        ("soft hyphen", "\u{ad}"),
        ("combining grapheme joiner", "\u{34f}"),
        ("Hangul filler", "\u{3164}"),
        ("half-width Hangul filler", "\u{ffa0}"),
        ("Hangul jamo fillers", "\u{115f}\u{1160}"),
        ("Braille blank", "\u{2800}"),
        ("null notehead", "\u{1d159}"),
        ("Mongolian vowel separator", "\u{180e}"),
        ("Mongolian variation selectors", "\u{180b}\u{180c}\u{180d}\u{180f}"),
        ("Khmer inherent vowels", "\u{17b4}\u{17b5}"),
        ("variation selectors", "\u{fe00}\u{fe0e}\u{fe0f}"),
        ("more variation selectors", "\u{e0100}\u{e01ef}"),
        ("tags", "\u{e0001}\u{e0062}\u{e006f}\u{e0062}\u{e007f}"),
        ("annotation anchors", "\u{fff9}\u{fffa}\u{fffb}"),
        ("musical beams", "\u{1d173}\u{1d17a}"),
        ("shorthand overlap", "\u{1bca0}"),
        ("hieroglyph joiner", "\u{13430}"),
        ("lone acute accent", "\u{301}"),
        ("pile of accents", "\u{300}\u{301}\u{302}\u{489}\u{20dd}"),
        ("Devanagari vowel sign", "\u{93e}"),
        ("Arabic vowel", "\u{64e}"),
        ("Thai vowel above", "\u{e34}"),
        ("accent on a space", " \u{301} "),
        ("accent on a joiner", "\u{200d}\u{301}"),
        ("unassigned", "\u{378}"),
        ("unassigned plane", "\u{4ffff}"),
        ("noncharacters", "\u{fdd0}\u{ffff}\u{10ffff}"),
        ("all of it", " \u{200b}\u{3164}\u{2800}\u{e0020}\u{301}\u{378}\n"),
    ];
    let visible = [
        ("letter", "a"),
        ("digit", "0"),
        ("full stop", "."),
        ("letter among the invisible", "\u{200b}\u{3164}x\u{2800}"),
        ("letter with an accent", "e\u{301}"),
        ("right-to-left letter", "\u{200f}א"),
        ("Cyrillic", "я"),
        ("Han", "好"),
        ("Hangul", "한"),
        ("conjoining jamo", "\u{1112}\u{1161}"),
        ("Thai", "ก"),
        ("Devanagari with vowel sign", "\u{915}\u{93e}"),
        ("Mongolian", "ᠠ"),
        ("Khmer", "ក"),
        ("Braille", "⠁"),
        ("musical symbol", "𝄞"),
        ("hieroglyph", "𓀀"),
        ("modifier letter", "ʰ"),
        ("spacing accent", "´"),
        ("currency", "€"),
        ("dash", "—"),
        ("emoji", "😀"),
        ("emoji with joiners", "👨\u{200d}👩\u{200d}👧"),
        ("heart", "❤\u{fe0f}"),
        ("flag", "🇩🇪"),
        ("flag with tags", "🏴\u{e0067}\u{e0062}\u{e007f}"),
        ("keycap", "1\u{fe0f}\u{20e3}"),
        ("private use", "\u{e000}"),
        ("replacement character", "\u{fffd}"),
        ("Arabic number sign", "\u{600}"),
        ("end of ayah", "\u{6dd}"),
    ];

    for (name, text) in blank {
        assert!(is_blank(text), "shows something: {name}");
    }
    for (name, text) in visible {
        assert!(!is_blank(text), "shows nothing: {name}");
    }
}

#[test]
fn line_breaks_and_bidi_controls_are_told_apart() {
    let breaks = "\n\u{b}\u{c}\r\u{85}\u{2028}\u{2029}";
    let bidi = "\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}";
    let neither = "a \t\u{200e}\u{200f}\u{61c}\u{200b}\u{2027}\u{202f}\u{2065}\u{206a}";

    assert!(breaks.chars().all(is_line_break) && !breaks.chars().any(is_bidi_control));
    assert!(bidi.chars().all(is_bidi_control) && !bidi.chars().any(is_line_break));
    assert!(!neither.chars().any(|c| is_line_break(c) || is_bidi_control(c)));
}

#[test]
fn trimming_removes_what_the_reference_removes() {
    assert_eq!(trim(" \t\n\u{85}\u{a0}\u{2028}\u{3000}\u{1c}x\u{1f}\u{1d} "), "x");
    assert_eq!(trim("\u{200b}x\u{feff}"), "\u{200b}x\u{feff}");
    assert_eq!(trim("a  b"), "a  b");
}
