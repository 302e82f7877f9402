//! Request bodies, parsed by their media type.

mod json;
mod multipart;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap};
use bytes::Bytes;

use super::failure::Failure;
use super::input::Input;

/// The known fields of a body.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Fields {
    values: Vec<(&'static str, Input)>,
    /// In an HTML form, an empty text means a missing value.
    pub(crate) is_form: bool,
}

impl Fields {
    fn from_form(known: &[&'static str], pairs: impl Iterator<Item = (String, Input)>) -> Self {
        let mut fields = Self { values: Vec::new(), is_form: true };
        for (name, value) in pairs {
            fields.put(known, &name, value);
        }
        fields
    }

    #[cfg(test)]
    pub(crate) fn from_json(body: &[u8], known: &[&'static str]) -> Result<Self, Failure> {
        json::decode(body, known)
    }

    /// The last of repeated fields wins.
    fn put(&mut self, known: &[&'static str], name: &str, value: Input) {
        let Some(name) = known.iter().find(|known| **known == name) else { return };
        self.values.retain(|(kept, _)| kept != name);
        self.values.push((name, value));
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<Input> {
        let at = self.values.iter().position(|(kept, _)| *kept == name)?;
        Some(self.values.swap_remove(at).1)
    }
}

/// Takes the `known` fields from the body of a request.
pub(crate) async fn decode(
    headers: &HeaderMap,
    body: &Bytes,
    known: &[&'static str],
) -> Result<Fields, Failure> {
    if body.is_empty() {
        return Ok(Fields::default());
    }
    let content_type =
        headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let content_type = content_type.as_deref().unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    match essence.to_ascii_lowercase().as_str() {
        "application/json" => json::decode(body, known),
        "application/x-www-form-urlencoded" => {
            let pairs = form_urlencoded::parse(body);
            let pairs = pairs.map(|(name, value)| (name.into(), Input::Text(value.into())));
            Ok(Fields::from_form(known, pairs))
        }
        "multipart/form-data" => {
            let parts = multipart::parts(content_type, body.clone()).await?;
            Ok(Fields::from_form(known, parts.into_iter()))
        }
        _ => {
            let detail = format!("Unsupported media type \"{content_type}\" in request.");
            Err(Failure::detail(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

    use super::{Fields, decode};
    use crate::compat::failure::Failure;
    use crate::compat::input::Input;

    async fn decoded(
        content_type: Option<&'static str>,
        body: &'static str,
    ) -> Result<Fields, Failure> {
        let mut headers = HeaderMap::new();
        if let Some(content_type) = content_type {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        decode(&headers, &body.into(), &["a", "b"]).await
    }

    #[actix_web::test]
    async fn media_types_ignore_case_and_charset() {
        let multipart = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--\r\n";
        let cases = [
            (Some("application/json"), r#"{"a":"1"}"#),
            (Some("APPLICATION/JSON ; charset=utf-16"), r#"{"a":"1"}"#),
            (Some("application/x-www-form-urlencoded; charset=utf-8"), "a=1&c=2"),
            (Some("Multipart/Form-Data; boundary=x"), multipart),
        ];

        for (content_type, body) in cases {
            let mut fields = decoded(content_type, body).await.unwrap();
            assert_eq!(fields.take("a"), Some(Input::Text("1".into())), "{content_type:?}");
            assert_eq!(fields.take("a"), None, "{content_type:?}");
        }
    }

    #[actix_web::test]
    async fn an_empty_body_is_an_empty_object_of_any_type() {
        for content_type in [None, Some("application/json"), Some("text/plain")] {
            assert_eq!(decoded(content_type, "").await.unwrap(), Fields::default());
        }
    }

    #[actix_web::test]
    async fn other_media_types_are_refused_by_name() {
        let cases = [
            (
                Some("text/plain"),
                r#"{"detail":"Unsupported media type \"text/plain\" in request."}"#,
            ),
            (None, r#"{"detail":"Unsupported media type \"\" in request."}"#),
        ];

        for (content_type, want) in cases {
            let failure = decoded(content_type, "hello").await.unwrap_err();
            assert_eq!(failure.status(), 415);
            assert_eq!(failure.json(), want);
        }
    }

    #[actix_web::test]
    async fn the_last_of_repeated_fields_wins() {
        let cases = [
            (Some("application/json"), r#"{"a":1,"b":2,"a":"last"}"#),
            (Some("application/x-www-form-urlencoded"), "a=first&a=%6cast"),
        ];

        for (content_type, body) in cases {
            let mut fields = decoded(content_type, body).await.unwrap();
            assert_eq!(fields.take("a"), Some(Input::Text("last".into())));
        }
    }
}
