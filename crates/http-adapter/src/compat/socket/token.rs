//! The access token in the query.

/// The last `access_token` that is not empty, percent-decoded.
pub(super) fn access_token(query: &str) -> Option<String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .filter(|(name, _)| decoded(name) == "access_token")
        .map(|(_, value)| decoded(value))
        .rfind(|value| !value.is_empty())
}

/// Decodes like a form: plus is a space, and an invalid escape stays unchanged.
fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        match (first, tail.first_chunk().and_then(|digits| byte(*digits))) {
            (b'%', Some(byte)) => {
                out.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            (b'+', _) => out.push(b' '),
            _ => out.push(first),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn byte([high, low]: [u8; 2]) -> Option<u8> {
    let digit = |c: u8| char::from(c).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::access_token;

    #[test]
    fn the_last_token_that_is_not_empty_wins() {
        let cases = [
            ("", None),
            ("access_token", None),
            ("access_token=", None),
            ("token=a", None),
            ("ACCESS_TOKEN=a", None),
            ("access_token=a", Some("a")),
            ("x=1&access_token=a&y=", Some("a")),
            ("access_token=a&access_token=b", Some("b")),
            ("access_token=a&access_token=", Some("a")),
            ("access%5Ftoken=a%2Eb%2", Some("a.b%2")),
            ("access_token=a+b%zz%C3%A9", Some("a b%zzé")),
            ("access_token=a;access_token=b", Some("a;access_token=b")),
            ("access_token=a=b", Some("a=b")),
        ];
        for (query, want) in cases {
            assert_eq!(access_token(query).as_deref(), want, "query: {query}");
        }
    }
}
