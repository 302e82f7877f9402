//! Paths of requests: the root of v1, the final slash, and secrets in logged paths.

use std::borrow::Cow;

use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse};
use percent_encoding::percent_decode_str;

pub(crate) const V1_ROOT: &str = "/api/v1";

/// Whether v1 handles the request. Like routing, this undoes percent-encoding: `/api/%76%31`.
pub(crate) fn is_v1(request: &ServiceRequest) -> bool {
    request.match_info().as_str().starts_with(V1_ROOT)
}

/// Whether the path is UTF-8 in valid percent-encoding.
pub(crate) fn is_well_encoded(path: &str) -> bool {
    let is_escape = |rest: &str| {
        rest.as_bytes()
            .first_chunk()
            .is_some_and(|pair: &[u8; 2]| pair.iter().all(u8::is_ascii_hexdigit))
    };
    path.split('%').skip(1).all(is_escape) && percent_decode_str(path).decode_utf8().is_ok()
}

/// Decodes what routing has left encoded in a parameter of a path: `/`, `+` and `%`. The path must
/// be [`is_well_encoded`], so that nothing is decoded twice.
pub(crate) fn decode_parameter(parameter: &str) -> Cow<'_, str> {
    percent_decode_str(parameter).decode_utf8_lossy()
}

/// Redirects to the path with its final slash, unless the request has a body, which would be lost.
pub(crate) fn to_final_slash(request: &HttpRequest) -> Option<HttpResponse> {
    let path = request.uri().path();
    let is_safe =
        matches!(*request.method(), Method::GET | Method::HEAD | Method::DELETE | Method::OPTIONS);
    if path.ends_with('/') || !is_safe {
        return None;
    }
    let mut location = format!("{path}/");
    if let Some(query) = request.uri().query() {
        location.push('?');
        location.push_str(query);
    }
    Some(HttpResponse::MovedPermanently().insert_header((LOCATION, location)).finish())
}

/// The path for the log, without the secret code of an invitation. The `decoded` path reveals codes
/// that `path` encodes in an unusual way.
pub(crate) fn for_log(path: &str, decoded: &str) -> String {
    const INVITES: &str = "/invites/";
    let has_code = |path: &str| path.starts_with(V1_ROOT) && path.contains(INVITES);
    let Some((head, tail)) = path.split_once(INVITES).filter(|_| has_code(path)) else {
        let is_encoded = has_code(decoded);
        return if is_encoded { format!("{V1_ROOT}{INVITES}…") } else { path.to_owned() };
    };
    let rest = tail.find('/').and_then(|slash| tail.get(slash..)).unwrap_or_default();
    format!("{head}{INVITES}…{rest}")
}

#[cfg(test)]
mod tests {
    use super::{decode_parameter, for_log, is_well_encoded};

    #[test]
    fn only_utf8_in_percent_encoding_is_well_encoded() {
        for path in ["/", "/a+b", "/%2B%2f%25", "/%25zz", "/%F0%9F%91%8D", "/👍"] {
            assert!(is_well_encoded(path), "{path}");
        }
        for path in ["/%", "/%2", "/%zz", "/%%34%31", "/%FF", "/%F0%9F", "/%C3(", "/%ED%A0%80"] {
            assert!(!is_well_encoded(path), "{path}");
        }
        assert_eq!(decode_parameter("a%2B%2f%2541+"), "a+/%41+");
    }

    #[test]
    fn invite_codes_are_not_logged() {
        let cases = [
            ("/api/v1/invites/00ff", "/api/v1/invites/…"),
            ("/api/v1/invites/00ff/join", "/api/v1/invites/…/join"),
            ("/api/v1/conversations/7/invites/00ff", "/api/v1/conversations/7/invites/…"),
            ("/api/v1/conversations/7/invites", "/api/v1/conversations/7/invites"),
            ("/chat/api/", "/chat/api/"),
        ];

        for (path, want) in cases {
            assert_eq!(for_log(path, path), want);
        }
        let encoded = for_log("/api/%761/inv%69tes/00ff", "/api/v1/invites/00ff");
        assert_eq!(encoded, "/api/v1/invites/…");
    }
}
