//! Cross-origin access: any origin may ask, without cookies, and is answered on
//! every path and with every status.

use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN, VARY,
};

const METHODS: &str = "DELETE, GET, OPTIONS, PATCH, POST, PUT";
const HEADERS: &str = "accept, accept-encoding, authorization, content-type, dnt, origin, \
                       user-agent, x-csrftoken, x-requested-with";
const MAX_AGE: &str = "86400";

/// What a request asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cors {
    has_origin: bool,
    is_options: bool,
    names_method: bool,
}

impl Cors {
    /// Of this request.
    pub(crate) fn of(request: &ServiceRequest) -> Self {
        let headers = request.headers();
        Self {
            has_origin: headers.get(ORIGIN).is_some_and(|origin| !origin.is_empty()),
            is_options: request.method() == Method::OPTIONS,
            names_method: headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD),
        }
    }

    /// Asks in advance, and is answered with an empty 200 whatever the path.
    pub(crate) fn is_preflight(self) -> bool {
        self.is_options && self.names_method
    }

    /// Marks the answer.
    pub(crate) fn mark(self, headers: &mut HeaderMap) {
        if self.has_origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        }
        if self.has_origin && self.is_options {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(HEADERS));
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE));
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
