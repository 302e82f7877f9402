//! Cross-origin access, without cookies. Under `/api/v1` the origins that the operator
//! names may ask; everywhere else any may, on every path and with every status.

use std::collections::BTreeSet;

use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderMap, HeaderName, HeaderValue, ORIGIN, VARY,
};

use crate::v1;

const METHODS: &str = "DELETE, GET, OPTIONS, PATCH, POST, PUT";
const HEADERS: &str = "accept, accept-encoding, authorization, content-type, dnt, origin, \
                       user-agent, x-csrftoken, x-requested-with";
const V1_HEADERS: &str = "authorization, content-type, if-match, x-request-id";
const V1_EXPOSED: &str = "allow, etag, location, retry-after, x-request-id";
const MAX_AGE: &str = "86400";

/// Origins whose pages may use v1, as browsers name them: `https://chat.example.com`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedOrigins(BTreeSet<String>);

impl AllowedOrigins {
    /// Exactly these.
    #[must_use]
    pub fn new(origins: impl IntoIterator<Item = String>) -> Self {
        Self(origins.into_iter().collect())
    }
}

/// What a request asks for.
#[derive(Debug, Clone)]
pub(crate) struct Cors {
    /// What is told of who may ask; nothing to who may not.
    origin: Option<HeaderValue>,
    is_v1: bool,
    is_options: bool,
    names_method: bool,
}

impl Cors {
    /// Of this request.
    pub(crate) fn of(request: &ServiceRequest, allowed: &AllowedOrigins) -> Self {
        let headers = request.headers();
        let origin = headers.get(ORIGIN).filter(|origin| !origin.is_empty());
        // As it is routed: with what was written as `%61` decoded.
        let is_v1 = request.match_info().as_str().starts_with(v1::ROOT);
        let may_ask = |origin: &&HeaderValue| {
            !is_v1 || origin.to_str().is_ok_and(|origin| allowed.0.contains(origin))
        };
        let any = HeaderValue::from_static("*");
        let origin = origin.filter(may_ask).map(|origin| if is_v1 { origin.clone() } else { any });
        Self {
            origin,
            is_v1,
            is_options: request.method() == Method::OPTIONS,
            names_method: headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD),
        }
    }

    /// Asks in advance, and is answered with an empty 200 whatever the path.
    pub(crate) fn is_preflight(&self) -> bool {
        self.is_options && self.names_method
    }

    /// Marks the answer.
    pub(crate) fn mark(&self, headers: &mut HeaderMap) {
        if let Some(origin) = &self.origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            let mut put = |name: HeaderName, value| {
                headers.insert(name, HeaderValue::from_static(value));
            };
            if self.is_options {
                let asked = if self.is_v1 { V1_HEADERS } else { HEADERS };
                put(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
                put(ACCESS_CONTROL_ALLOW_HEADERS, asked);
                put(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
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
