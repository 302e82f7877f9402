//! How scripts separate words.

use icu_properties::CodePointMapData;
use icu_properties::props::Script;

/// Whether a character belongs to a script that writes words without spaces between them.
#[must_use]
pub fn is_unspaced(c: char) -> bool {
    // Hiragana and Katakana share the prolonged sound mark.
    c == 'ー'
        || !c.is_ascii()
            && matches!(
                CodePointMapData::<Script>::new().get(c),
                Script::Han
                    | Script::Hiragana
                    | Script::Katakana
                    | Script::Thai
                    | Script::Lao
                    | Script::Khmer
                    | Script::Myanmar
                    | Script::Bopomofo
                    | Script::Yi
                    | Script::TaiLe
                    | Script::NewTaiLue
                    | Script::TaiTham
                    | Script::TaiViet
                    | Script::Javanese
                    | Script::Balinese
            )
}

/// Whether a character is Korean, which attaches particles to names.
#[must_use]
pub fn is_hangul(c: char) -> bool {
    !c.is_ascii() && CodePointMapData::<Script>::new().get(c) == Script::Hangul
}
