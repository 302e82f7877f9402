//! The outermost layer: responds to preflights, catches panics, sets the common response headers,
//! and logs each request.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use actix_http::ConnectionType;
use actix_web::body::{self, BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};
use application::ports::RetryAfter;
use futures_util::FutureExt as _;
use tracing::Instrument as _;

use crate::access_log::LogEntry;
use crate::answer_body::{AnswerBody, SMALL};
use crate::budget::Budget;
use crate::cors::Cors;
use crate::health;
use crate::state::State;
use crate::transport::{ConnectionPermit, Verdict};
use crate::{compat, path, reads, v1};

const SECURITY_HEADERS: [(HeaderName, HeaderValue); 4] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// For responses that are not pages. A browser that shows one runs and loads nothing.
const NO_CONTENT: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

pub(crate) async fn outermost(
    state: web::Data<State>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let entry = LogEntry::begin(&request, &*state.ids);
    let is_head = request.method() == Method::HEAD;
    let changes_nothing = request.method().is_safe();
    let is_v1 = path::is_v1(&request);
    let offers_upgrade = request.head().upgrade();
    let cors = Cors::of(&request, &state.origins);
    let https_only = state.proxies.https_only(request.request());
    let refusal = refusal(&request, is_v1);
    let closes = refusal.is_some();
    let result = if cors.is_preflight {
        Ok(request.into_response(HttpResponse::Ok().finish()))
    } else if let Some(refusal) = refusal {
        Ok(request.into_response(refusal))
    } else if is_v1 && !path::is_well_encoded(request.uri().path()) {
        Ok(request.into_response(v1::malformed_path()))
    } else {
        catch_panic(request, next).instrument(entry.span()).await
    };
    // An error carries no request to attach to the response.
    let (request, mut response) = match result {
        Ok(response) => {
            let (request, response) = response.into_parts();
            (Some(request), response)
        }
        Err(response) => (None, response),
    };
    if closes || (offers_upgrade && response.status() != StatusCode::SWITCHING_PROTOCOLS) {
        // For an upgrade: otherwise actix answers an offer of HTTP/2 with `Connection: upgrade`.
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    if changes_nothing && is_too_large(&response, &state.budget) {
        response = overloaded(is_v1);
    }
    if is_head && response.body().size() == BodySize::Stream {
        // Otherwise the stream would be read to its end for nothing.
        response = response.map_body(|_, _| BoxBody::new(body::None::new()));
    }
    if response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        response.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    if !response.headers().contains_key(CACHE_CONTROL) {
        // Most responses are for one user only, and some contain tokens.
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if !response.headers().contains_key(CONTENT_SECURITY_POLICY) {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, NO_CONTENT);
    }
    cors.add_headers(response.headers_mut());
    for (name, value) in SECURITY_HEADERS.into_iter().chain(https_only) {
        response.headers_mut().insert(name, value);
    }
    entry.end(&mut response);
    let permit = request.as_ref().and_then(reads::made);
    let response = response.map_body(|_, body| AnswerBody::wrap(body, &state.budget, permit));
    match request {
        Some(request) => Ok(ServiceResponse::new(request, response)),
        None => Err(InternalError::from_response("answered", response).into()),
    }
}

/// The response over a connection too many.
fn refusal(request: &ServiceRequest, is_v1: bool) -> Option<HttpResponse> {
    match request.conn_data::<ConnectionPermit>()?.verdict {
        Verdict::Full if !health::is_asked(request) => Some(overloaded(is_v1)),
        Verdict::AddressFull | Verdict::AddressFlooding => Some(too_many_connections(is_v1)),
        Verdict::Full | Verdict::Welcome => None,
    }
}

/// Whether so large an answer must not wait for its client now. An answer that is made as the
/// client takes it is not.
fn is_too_large(response: &HttpResponse, budget: &Budget) -> bool {
    let is_large = matches!(response.body().size(), BodySize::Sized(n) if n > SMALL as u64);
    is_large && budget.is_exceeded()
}

fn overloaded(is_v1: bool) -> HttpResponse {
    if is_v1 { v1::unavailable() } else { compat::Failure::unavailable().response() }
}

fn too_many_connections(is_v1: bool) -> HttpResponse {
    let wait = RetryAfter(Duration::from_secs(1));
    if is_v1 { v1::too_many(wait) } else { compat::Failure::Limited(wait).response() }
}

/// Turns a panic into a 500 response, so that the worker survives.
async fn catch_panic(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, HttpResponse> {
    let is_v1 = path::is_v1(&request);
    match AssertUnwindSafe(next.call(request)).catch_unwind().await {
        Ok(Ok(response)) => Ok(response.map_into_boxed_body()),
        Ok(Err(error)) => Err(error.error_response()),
        Err(panic) => {
            tracing::error!(error = panic_text(panic.as_ref()), "a request handler panicked");
            if is_v1 {
                return Err(v1::internal_error());
            }
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            Err(compat::Failure::detail(status, "Internal server error.").response())
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text")
}
