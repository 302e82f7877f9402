//! `application/x-www-form-urlencoded`, also the form of query strings.

/// Names and values in their order, percent-encoding and `+` undone; bytes
/// that are no UTF-8 become U+FFFD.
pub(crate) fn pairs(encoded: &[u8]) -> impl Iterator<Item = (String, String)> {
    encoded.split(|b| *b == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let mut halves = pair.splitn(2, |b| *b == b'=');
        let mut half = || decode(halves.next().unwrap_or_default());
        (half(), half())
    })
}

fn decode(encoded: &[u8]) -> String {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match (first, tail) {
            (b'+', _) => decoded.push(b' '),
            (b'%', [high, low, after @ ..]) => {
                if let (Some(high), Some(low)) = (hex(*high), hex(*low)) {
                    decoded.push(high << 4 | low);
                    rest = after;
                } else {
                    decoded.push(b'%');
                }
            }
            (byte, _) => decoded.push(*byte),
        }
    }
    String::from_utf8(decoded)
        .unwrap_or_else(|broken| String::from_utf8_lossy(broken.as_bytes()).into_owned())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::pairs;

    #[test]
    fn pairs_are_decoded() {
        let cases: [(&str, &[(&str, &str)]); 6] = [
            ("a=1&b=2", &[("a", "1"), ("b", "2")]),
            ("a=x+y%20z%2B", &[("a", "x y z+")]),
            ("a&b=&=c&&", &[("a", ""), ("b", ""), ("", "c")]),
            ("a=b=c;d", &[("a", "b=c;d")]),
            ("a=%zz%4&b=%", &[("a", "%zz%4"), ("b", "%")]),
            ("a=%D0%BF%ff", &[("a", "п\u{fffd}")]),
        ];

        for (encoded, want) in cases {
            let got: Vec<_> = pairs(encoded.as_bytes()).collect();
            let want: Vec<_> = want
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            assert_eq!(got, want, "{encoded}");
        }
    }
}
