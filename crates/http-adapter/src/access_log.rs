//! One line for each request, with the request id that the client also gets.
//!
//! Queries, headers and bodies are never logged: they hold tokens, passwords and messages.

use std::time::Instant;

use actix_web::HttpResponse;
use actix_web::body::{BodySize, MessageBody as _};
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::{HeaderName, HeaderValue};
use application::ports::IdSource;
use tracing::Span;

use crate::path;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id that is accepted from a client, in bytes.
const MAX_ID_BYTES: usize = 64;

/// The log line of one request.
pub(crate) struct LogEntry {
    id: HeaderValue,
    method: Method,
    path: String,
    began: Instant,
}

impl LogEntry {
    /// Uses the id of the client or of a proxy if it is safe to log.
    pub(crate) fn begin(request: &ServiceRequest, ids: &dyn IdSource) -> Self {
        Self {
            id: offered_id(request).unwrap_or_else(|| new_id(ids)),
            method: request.method().clone(),
            path: path::for_log(request.path(), request.match_info().as_str()),
            began: Instant::now(),
        }
    }

    pub(crate) fn span(&self) -> Span {
        tracing::info_span!("request", request.id = self.id.to_str().unwrap_or_default())
    }

    /// Logs the response and gives it the id.
    pub(crate) fn end(self, response: &mut HttpResponse) {
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
