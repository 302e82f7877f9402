//! The one policy for text: which texts are equal, and which show anything.
//!
//! Unicode's data comes from libraries, so a new version of Unicode is an update of theirs.

mod fold;
mod script;
mod visible;

pub use fold::{composed, fold, normalized};
pub use script::{is_hangul, is_unspaced};
pub use visible::{is_bidi_control, is_blank, is_line_break, trim};
