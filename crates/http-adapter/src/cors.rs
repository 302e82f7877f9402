//! Cross-origin access, without cookies. v1 allows the configured origins; all other paths allow
//! any origin.

use std::collections::BTreeSet;

use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HOST,
    HeaderMap, HeaderName, HeaderValue, ORIGIN, VARY,
};

use crate::path;

const METHODS: &str = "DELETE, GET, OPTIONS, PATCH, POST, PUT";
const HEADERS: &str = "accept, accept-encoding, authorization, content-type, dnt, origin, \
                       user-agent, x-csrftoken, x-requested-with";
const V1_HEADERS: &str = "authorization, content-type, if-match, x-request-id";
const V1_EXPOSED: &str = "allow, etag, location, retry-after, x-request-id";
const MAX_AGE_S: &str = "86400";

/// Origins whose pages may use v1, as browsers send them: `https://chat.example.com`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedOrigins(BTreeSet<String>);

impl AllowedOrigins {
    #[must_use]
    pub fn new(origins: impl IntoIterator<Item = String>) -> Self {
        Self(origins.into_iter().collect())
    }

    fn allow(&self, origin: &HeaderValue) -> bool {
        origin.to_str().is_ok_and(|origin| self.0.contains(origin))
    }

    /// Whether the client may open a socket of v1: it is no page, a page of this server, or one of
    /// an allowed origin. CORS does not apply to sockets.
    pub(crate) fn may_open_socket(&self, headers: &HeaderMap) -> bool {
        let host = headers.get(HOST);
        headers.get_all(ORIGIN).all(|origin| self.allow(origin) || is_own(origin, host))
    }
}

/// Whether an origin is this server, as the client addresses it. The scheme is not compared: a proxy
/// may end TLS without saying so.
fn is_own(origin: &HeaderValue, host: Option<&HeaderValue>) -> bool {
    let (Ok(origin), Some(Ok(host))) = (origin.to_str(), host.map(HeaderValue::to_str)) else {
        return false;
    };
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    // Browsers leave out the usual port.
    let port = if scheme == "https" { ":443" } else { ":80" };
    let without_port =
        |authority: &str| authority.strip_suffix(port).unwrap_or(authority).to_ascii_lowercase();
    without_port(authority) == without_port(host)
}

/// The CORS headers of one response.
#[derive(Debug, Clone)]
pub(crate) struct Cors {
    /// `None` if the origin is missing or not allowed.
    allowed_origin: Option<HeaderValue>,
    is_v1: bool,
    is_options: bool,
    /// Whether the request is a preflight, which gets an empty 200 on any path.
    pub(crate) is_preflight: bool,
}

impl Cors {
    pub(crate) fn of(request: &ServiceRequest, allowed: &AllowedOrigins) -> Self {
        let headers = request.headers();
        let is_v1 = path::is_v1(request);
        let origin = headers.get(ORIGIN).filter(|origin| !origin.is_empty());
        let origin = origin.filter(|origin| !is_v1 || allowed.allow(origin));
        let is_options = request.method() == Method::OPTIONS;
        let any = HeaderValue::from_static("*");
        Self {
            allowed_origin: origin.map(|origin| if is_v1 { origin.clone() } else { any }),
            is_v1,
            is_options,
            is_preflight: is_options && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD),
        }
    }

    pub(crate) fn add_headers(&self, headers: &mut HeaderMap) {
        if let Some(origin) = &self.allowed_origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            let mut put = |name: HeaderName, value| {
                headers.insert(name, HeaderValue::from_static(value));
            };
            if self.is_options {
                put(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
                put(ACCESS_CONTROL_ALLOW_HEADERS, if self.is_v1 { V1_HEADERS } else { HEADERS });
                put(ACCESS_CONTROL_MAX_AGE, MAX_AGE_S);
            } else if self.is_v1 {
                put(ACCESS_CONTROL_EXPOSE_HEADERS, V1_EXPOSED);
            }
        }
        vary_by_origin(headers);
    }
}

fn vary_by_origin(headers: &mut HeaderMap) {
    let vary = headers.get(VARY).and_then(|vary| vary.to_str().ok());
    let vary = vary.map_or_else(|| "Origin".to_owned(), |vary| format!("{vary}, Origin"));
    if let Ok(vary) = HeaderValue::from_str(&vary) {
        headers.insert(VARY, vary);
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HOST, HeaderMap, HeaderValue, ORIGIN};

    use super::AllowedOrigins;

    #[test]
    fn pages_of_this_server_and_of_allowed_origins_may_open_sockets() {
        let allowed = AllowedOrigins::new(["https://app.example.com".to_owned()]);
        let may = |origins: &[&'static str], host: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static(host));
            for origin in origins {
                headers.append(ORIGIN, HeaderValue::from_static(origin));
            }
            allowed.may_open_socket(&headers)
        };

        for (origins, host) in [
            (&[][..], "chat.example.com"),
            (&["https://chat.example.com"], "chat.example.com"),
            (&["https://chat.example.com"], "Chat.Example.com:443"),
            (&["http://chat.example.com"], "chat.example.com:80"),
            (&["http://localhost:8000"], "localhost:8000"),
            (&["http://[::1]:8000"], "[::1]:8000"),
            (&["https://app.example.com"], "chat.example.com"),
        ] {
            assert!(may(origins, host), "{origins:?} {host}");
        }
        for (origins, host) in [
            (&["https://evil.example.com"][..], "chat.example.com"),
            (&["https://chat.example.com.evil.example"], "chat.example.com"),
            (&["https://chat.example.com:8443"], "chat.example.com"),
            (&["http://localhost:5173"], "localhost:8000"),
            (&["http://app.example.com"], "chat.example.com"),
            (&["https://app.example.com", "https://evil.example.com"], "chat.example.com"),
            (&["null"], "chat.example.com"),
            (&[""], "chat.example.com"),
        ] {
            assert!(!may(origins, host), "{origins:?} {host}");
        }
    }
}
