//! The one policy for text: which texts are equal, and which show anything.
//!
//! Unicode's data comes from libraries, so a new version of Unicode is an update of theirs.

mod fold;
mod script;
mod visible;

pub use fold::{composed, fold, normalized};
pub use script::{is_hangul, is_unspaced};
pub use visible::{is_bidi_control, is_blank, is_line_break, trim};

#[cfg(test)]
mod tests {
    use super::{composed, fold, is_blank, normalized, trim};

    #[test]
    fn fuzz_texts() {
        bolero::check!(name = "texts").with_iterations(256).for_each(|input: &[u8]| {
            let text = String::from_utf8_lossy(input);
            let key = fold(&text);

            assert_eq!(fold(&key), key);
            assert_eq!(fold(&composed(&text)), key);
            assert_eq!(fold(&normalized(&text)), key);
            assert_eq!(fold(&text.to_lowercase()), key);
            assert_eq!(composed(&composed(&text)), composed(&text));
            assert_eq!(normalized(&normalized(&text)), normalized(&text));
            assert_eq!(is_blank(trim(&text)), is_blank(&text));
            assert_eq!(trim(trim(&text)), trim(&text));
        });
    }
}
