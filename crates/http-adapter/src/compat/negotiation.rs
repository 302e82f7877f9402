//! Content negotiation: whether the client accepts JSON.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::ACCEPT;

use super::failure::Failure;

/// Checks the suffix or `?format=`, or else the `Accept` header. Clients that accept only HTML
/// also get JSON. An unknown format is 404; an `Accept` without JSON or HTML is 406.
pub(crate) fn check(request: &HttpRequest) -> Result<(), Failure> {
    match format(request).as_deref() {
        Some("json" | "api") => Ok(()),
        Some(_) => Err(Failure::not_found()),
        None if accepts(request) => Ok(()),
        None => {
            let detail = "Could not satisfy the request Accept header.";
            Err(Failure::detail(StatusCode::NOT_ACCEPTABLE, detail))
        }
    }
}

fn format(request: &HttpRequest) -> Option<String> {
    if let Some(suffix) = request.match_info().get("format") {
        return Some(suffix.to_owned());
    }
    let query = request.query_string().as_bytes();
    let last = form_urlencoded::parse(query).filter(|(name, _)| name == "format").last();
    last.map(|(_, format)| format.into_owned()).filter(|format| !format.is_empty())
}

fn accepts(request: &HttpRequest) -> bool {
    let mut ranges = request
        .headers()
        .get_all(ACCEPT)
        .flat_map(|value| value.as_bytes().split(|b| *b == b','))
        .map(|range| range.split(|b| *b == b';').next().unwrap_or_default().trim_ascii())
        .filter(|range| !range.is_empty())
        .peekable();
    let anything = ranges.peek().is_none();
    anything || ranges.any(is_served)
}

fn is_served(range: &[u8]) -> bool {
    const SERVED: [&str; 5] = ["*/*", "application/*", "application/json", "text/*", "text/html"];
    SERVED.iter().any(|served| range.eq_ignore_ascii_case(served.as_bytes()))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::ACCEPT;
    use actix_web::test::TestRequest;

    use super::check;

    #[test]
    fn json_and_html_are_served_and_nothing_else() {
        let cases = [
            ("application/json, text/plain, */*", true),
            ("application/json", true),
            ("Application/JSON; indent=4", true),
            ("text/html;q=0.1,application/xml", true),
            ("text/*", true),
            ("", true),
            ("application/xml", false),
            ("text/plain, image/*", false),
        ];

        for (accept, served) in cases {
            let request = TestRequest::default().insert_header((ACCEPT, accept)).to_http_request();
            assert_eq!(check(&request).is_ok(), served, "{accept}");
        }
    }

    #[test]
    fn a_format_overrides_the_accept_header() {
        let cases =
            [("json", None), ("xml", Some(404)), ("", Some(406)), ("xml&format=json", None)];

        for (format, status) in cases {
            let request = TestRequest::with_uri(&format!("/?format={format}"))
                .insert_header((ACCEPT, "image/png"))
                .to_http_request();
            let refused = check(&request).err().map(|failure| failure.status().as_u16());
            assert_eq!(refused, status, "{format}");
        }
    }
}
