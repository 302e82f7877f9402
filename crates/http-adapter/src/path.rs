//! Paths of requests: the root of v1, the final slash, and secrets in logged paths.

use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse};

pub(crate) const V1_ROOT: &str = "/api/v1";

/// Whether v1 handles the request. Like routing, this undoes percent-encoding: `/api/%76%31`.
pub(crate) fn is_v1(request: &ServiceRequest) -> bool {
    request.match_info().as_str().starts_with(V1_ROOT)
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
    use super::for_log;

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
