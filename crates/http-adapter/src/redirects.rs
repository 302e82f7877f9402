//! Paths without their final slash.

use actix_web::http::Method;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse};

/// A redirect to the path with its slash, for a request that loses nothing by it.
/// Requests with a body are served where they came.
pub(crate) fn to_final_slash(request: &HttpRequest) -> Option<HttpResponse> {
    let path = request.uri().path();
    let redirects =
        matches!(*request.method(), Method::GET | Method::HEAD | Method::DELETE | Method::OPTIONS);
    if path.ends_with('/') || !redirects {
        return None;
    }
    let mut location = format!("{path}/");
    if let Some(query) = request.uri().query() {
        location.push('?');
        location.push_str(query);
    }
    Some(HttpResponse::MovedPermanently().insert_header((LOCATION, location)).finish())
}
