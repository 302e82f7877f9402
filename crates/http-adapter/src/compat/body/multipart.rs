//! `multipart/form-data` (RFC 7578).

use actix_web::http::StatusCode;

use crate::compat::failure::Failure;
use crate::compat::input::Input;

/// The parts of a body, in their order, by their names.
pub(super) fn parts(content_type: &str, body: &[u8]) -> Result<Vec<(String, Input)>, Failure> {
    let boundary = parameter(content_type, "boundary")
        .filter(|boundary| (1..=200).contains(&boundary.len()))
        .ok_or_else(|| malformed("no valid boundary in the content type"))?;
    let delimiter = format!("\r\n--{boundary}");
    let delimiter = delimiter.as_bytes();
    // The first delimiter may stand at the very start, without its line break.
    let mut rest = match body.strip_prefix(delimiter.get(2..).unwrap_or_default()) {
        Some(rest) => rest,
        None => split_once(body, delimiter).ok_or_else(|| malformed("no part found"))?.1,
    };
    let mut parts = Vec::new();
    while !rest.starts_with(b"--") {
        let (_padding, part) =
            split_once(rest, b"\r\n").ok_or_else(|| malformed("a part is cut off"))?;
        let (part, after) =
            split_once(part, delimiter).ok_or_else(|| malformed("the last boundary is missing"))?;
        parts.extend(read_part(part)?);
        rest = after;
    }
    Ok(parts)
}

fn read_part(part: &[u8]) -> Result<Option<(String, Input)>, Failure> {
    let (head, content) = match part.strip_prefix(b"\r\n") {
        Some(content) => (&b""[..], content),
        None => split_once(part, b"\r\n\r\n").ok_or_else(|| malformed("a part has no content"))?,
    };
    let head = String::from_utf8_lossy(head);
    let disposition = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then(|| value.trim())
    });
    let Some(name) = disposition.and_then(|value| parameter(value, "name")) else {
        return Ok(None);
    };
    let is_file = disposition.and_then(|value| parameter(value, "filename")).is_some();
    let input = if is_file {
        Input::File
    } else {
        Input::Text(String::from_utf8_lossy(content).into_owned())
    };
    Ok(Some((name, input)))
}

/// A parameter of a header, unquoted.
fn parameter(header: &str, wanted: &str) -> Option<String> {
    let mut rest = header.split_once(';')?.1;
    loop {
        let (name, value) = rest.split_once('=')?;
        let (value, after) = if let Some(quoted) = value.strip_prefix('"') {
            unquote(quoted)?
        } else {
            let (value, after) = value.split_once(';').unwrap_or((value, ""));
            (value.trim().to_owned(), after)
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = after.trim_start().trim_start_matches(';');
    }
}

/// A quoted text up to its closing quote, and what follows.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut chars = quoted.chars();
    loop {
        match chars.next()? {
            '"' => return Some((text, chars.as_str())),
            '\\' => text.push(chars.next()?),
            c => text.push(c),
        }
    }
}

fn split_once<'a>(text: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text.windows(separator.len()).position(|window| window == separator)?;
    Some((text.get(..at)?, text.get(at + separator.len()..)?))
}

fn malformed(cause: &str) -> Failure {
    Failure::detail(StatusCode::BAD_REQUEST, format!("Multipart form parse error - {cause}"))
}

#[cfg(test)]
mod tests {
    use super::parts;
    use crate::compat::input::Input;

    const TYPE: &str = "multipart/form-data; charset=utf-8; boundary=\"b o\"";

    #[test]
    fn parts_are_read_by_name() {
        let body = "preamble\r\n--b o\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\
                    one\r\ntwo\r\n--b o  \r\nX: y\r\ncontent-disposition: form-data; name=b; filename=\"f;\\\"\"\r\n\r\n\
                    \r\n--b o\r\nContent-Disposition: form-data\r\n\r\nnameless\r\n--b o--\r\nepilogue";

        let got = parts(TYPE, body.as_bytes()).unwrap();

        let want =
            vec![("a".to_owned(), Input::Text("one\r\ntwo".into())), ("b".to_owned(), Input::File)];
        assert_eq!(got, want);
    }

    #[test]
    fn malformed_bodies_are_told() {
        let head = "--b o\r\nContent-Disposition: form-data; name=\"a\"";
        let cases = [
            ("multipart/form-data", "--x\r\n\r\n\r\n--x--".to_owned()),
            ("multipart/form-data; boundary=", "----".to_owned()),
            (TYPE, "nothing".to_owned()),
            (TYPE, head.to_owned()),
            (TYPE, format!("{head}\r\n\r\nvalue")),
            (TYPE, format!("{head}\r\n--b o--")),
            (TYPE, "--b o".to_owned()),
        ];

        for (content_type, body) in cases {
            let failure = parts(content_type, body.as_bytes()).unwrap_err();
            assert_eq!(failure.status(), 400, "{body}");
            assert!(failure.json().starts_with(r#"{"detail":"Multipart form parse error - "#));
        }
    }
}
