//! Compact JSON that escapes U+2028 and U+2029, which old JavaScript rejects in strings.

use std::io;

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};

pub(crate) fn write<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    let mut serializer = serde_json::Serializer::with_formatter(&mut *out, LineSeparatorsEscaped);
    // Writing to memory cannot fail, and all keys of our types are strings.
    let written = value.serialize(&mut serializer);
    debug_assert!(written.is_ok(), "the value is not representable in JSON");
}

pub(crate) fn to_vec<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    write(&mut out, value);
    out
}

struct LineSeparatorsEscaped;

impl Formatter for LineSeparatorsEscaped {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + io::Write,
    {
        // Both characters begin with this byte; most texts do not contain it.
        if !fragment.as_bytes().contains(&0xe2) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut rest = fragment;
        while let Some(at) = rest.find(['\u{2028}', '\u{2029}']) {
            let (plain, tail) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            writer.write_all(if tail.starts_with('\u{2028}') { b"\\u2028" } else { b"\\u2029" })?;
            rest = tail.get('\u{2028}'.len_utf8()..).unwrap_or_default();
        }
        CompactFormatter.write_string_fragment(writer, rest)
    }
}

#[cfg(test)]
mod tests {
    use super::to_vec;

    #[test]
    fn line_separators_are_escaped_and_other_characters_are_not() {
        let cases = [
            ("plain", r#""plain""#),
            ("x\u{2028}y\u{2029}", r#""x\u2028y\u2029""#),
            ("\u{2028}\u{2028}", r#""\u2028\u2028""#),
            ("“quoted” … é 😀", "\"“quoted” … é 😀\""),
            ("a\"b\\c\n\u{1}/", r#""a\"b\\c\n\u0001/""#),
        ];

        for (text, want) in cases {
            assert_eq!(String::from_utf8(to_vec(text)).unwrap(), want);
        }
    }
}
