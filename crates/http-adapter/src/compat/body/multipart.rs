//! `multipart/form-data` (RFC 7578).

use std::convert::Infallible;

use actix_web::http::StatusCode;
use bytes::Bytes;
use futures_util::stream::once;
use multer::{Error, Multipart, parse_boundary};

use crate::compat::failure::Failure;
use crate::compat::input::Input;

/// Errors quote names of the client, which may be as long as the body.
const MAX_CAUSE_CHARS: usize = 200;

/// The named parts of a body, in their order.
pub(super) async fn parts(
    content_type: &str,
    body: Bytes,
) -> Result<Vec<(String, Input)>, Failure> {
    read(content_type, body).await.map_err(|error| {
        let cause: String = error.to_string().chars().take(MAX_CAUSE_CHARS).collect();
        Failure::detail(StatusCode::BAD_REQUEST, format!("Multipart form parse error - {cause}"))
    })
}

async fn read(content_type: &str, body: Bytes) -> Result<Vec<(String, Input)>, Error> {
    let boundary = Some(parse_boundary(content_type)?).filter(|boundary| !boundary.is_empty());
    let boundary = boundary.ok_or(Error::NoBoundary)?;
    let body = once(async { Ok::<_, Infallible>(body) });
    let mut multipart = Multipart::new(Box::pin(body), boundary);
    let mut parts = Vec::new();
    while let Some(field) = multipart.next_field().await? {
        let name = field.name().map(str::to_owned);
        let is_file = field.file_name().is_some();
        let content = field.bytes().await?;
        let Some(name) = name else { continue };
        let text = || Input::Text(String::from_utf8_lossy(&content).into_owned());
        parts.push((name, if is_file { Input::File } else { text() }));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use serde_json::Value;

    use super::parts;
    use crate::compat::input::Input;

    const TYPE: &str = "multipart/form-data; charset=utf-8; boundary=\"b o\"";

    #[actix_web::test]
    async fn parts_are_read_by_name() {
        let body = "preamble\r\n--b o\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\
                    one\r\ntwo\r\n--b o  \r\nX: y\r\ncontent-disposition: form-data; name=b; filename=\"f;\\\"\"\r\n\r\n\
                    \r\n--b o\r\nContent-Disposition: form-data\r\n\r\nnameless\r\n--b o--\r\nepilogue";

        let got = parts(TYPE, body.into()).await.unwrap();

        let want =
            vec![("a".to_owned(), Input::Text("one\r\ntwo".into())), ("b".to_owned(), Input::File)];
        assert_eq!(got, want);
    }

    #[actix_web::test]
    async fn malformed_bodies_are_refused() {
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
            let failure = parts(content_type, body.clone().into()).await.unwrap_err();
            assert_eq!(failure.status(), 400, "{body}");
            assert!(failure.json().starts_with(r#"{"detail":"Multipart form parse error - "#));
        }
    }

    #[actix_web::test]
    async fn errors_quote_only_the_beginning_of_a_long_name() {
        let name = "é".repeat(10_000);
        let body = format!("--b o\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\nvalue");

        let failure = parts(TYPE, body.into()).await.unwrap_err();

        assert!(failure.json().contains("éé") && failure.json().chars().count() < 300);
    }

    /// The first line is the content type, the rest is the body.
    #[test]
    fn fuzz_multipart() {
        bolero::check!(name = "multipart").with_iterations(256).for_each(|input: &[u8]| {
            let (content_type, body) = split_line(input);
            let content_type = String::from_utf8_lossy(content_type);
            let read = parts(&content_type, body.to_vec().into());
            match read.now_or_never().unwrap() {
                Ok(parts) => {
                    let delimiters = body.windows(2).filter(|pair| pair == b"--").count();
                    assert!(parts.len() < delimiters);
                    for (_, part) in parts {
                        let Input::Text(text) = part else { continue };
                        // Other texts had bytes that are no UTF-8.
                        let text = text.as_bytes();
                        let is_part = text.is_empty() || contains(body, text);
                        assert!(is_part || String::from_utf8_lossy(text).contains('\u{fffd}'));
                    }
                }
                Err(failure) => {
                    assert_eq!(failure.status(), 400);
                    let json: Value = serde_json::from_str(&failure.json()).unwrap();
                    let detail = json["detail"].as_str().unwrap();
                    assert!(detail.starts_with("Multipart form parse error - "));
                    assert!(detail.chars().count() < 250, "{detail}");
                }
            }
        });
    }

    fn split_line(input: &[u8]) -> (&[u8], &[u8]) {
        let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
        (&input[..end], input.get(end + 1..).unwrap_or_default())
    }

    fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
        bytes.windows(wanted.len()).any(|window| window == wanted)
    }
}
