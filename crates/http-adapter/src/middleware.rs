//! The outermost layer: responds to preflights, catches panics, sets the common response headers,
//! and logs one line for each request, with the request id that the client also gets.
//!
//! Queries, headers and bodies are never logged: they hold tokens, passwords and messages.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{
    HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};
use application::ports::IdSource;
use futures_util::FutureExt as _;
use tracing::{Instrument as _, Span};

use crate::cors::Cors;
use crate::state::State;
use crate::{compat, path, v1};

const SECURITY_HEADERS: [(HeaderName, HeaderValue); 4] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

pub(crate) async fn outermost(
    state: web::Data<State>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let entry = LogEntry::begin(&request, &*state.ids);
    let cors = Cors::of(&request, &state.origins);
    let result = if cors.is_preflight {
        Ok(request.into_response(HttpResponse::Ok().finish()))
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
    cors.add_headers(response.headers_mut());
    for (name, value) in SECURITY_HEADERS {
        response.headers_mut().insert(name, value);
    }
    entry.end(&mut response);
    match request {
        Some(request) => Ok(ServiceResponse::new(request, response)),
        None => Err(InternalError::from_response("answered", response).into()),
    }
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

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id that is accepted from a client, in bytes.
const MAX_ID_BYTES: usize = 64;

/// The log line of one request.
struct LogEntry {
    id: HeaderValue,
    method: Method,
    path: String,
    began: Instant,
}

impl LogEntry {
    /// Uses the id of the client or of a proxy if it is safe to log.
    fn begin(request: &ServiceRequest, ids: &dyn IdSource) -> Self {
        Self {
            id: offered_id(request).unwrap_or_else(|| new_id(ids)),
            method: request.method().clone(),
            path: path::for_log(request.path(), request.match_info().as_str()),
            began: Instant::now(),
        }
    }

    fn span(&self) -> Span {
        tracing::info_span!("request", request.id = self.id.to_str().unwrap_or_default())
    }

    /// Logs the response and gives it the id.
    fn end(self, response: &mut HttpResponse) {
        let status = response.status().as_u16();
        let bytes = match response.body().size() {
            BodySize::Sized(bytes) => Some(bytes),
            BodySize::None => Some(0),
            BodySize::Stream => None,
        };
        let (method, path) = (self.method.as_str(), self.path.as_str());
        let micros = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        tracing::info!(
            request.id = self.id.to_str().unwrap_or_default(),
            http.method = method,
            http.path = path,
            http.status = status,
            duration_us = micros,
            bytes,
            "{method} {path} {status}",
        );
        response.headers_mut().insert(REQUEST_ID, self.id);
    }
}

fn offered_id(request: &ServiceRequest) -> Option<HeaderValue> {
    let id = request.headers().get(REQUEST_ID)?;
    let is_plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let is_safe = (1..=MAX_ID_BYTES).contains(&id.len()) && id.as_bytes().iter().all(is_plain);
    is_safe.then(|| id.clone())
}

fn new_id(ids: &dyn IdSource) -> HeaderValue {
    let id = format!("{:016x}", ids.token());
    HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("unknown"))
}
