//! One line in the log for each request, with an id that the client is told too.
//!
//! Nothing of a query, a header or a body is logged: they carry tokens,
//! passwords and what people write.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};
use futures_util::FutureExt as _;
use tracing::Instrument as _;

use crate::compat::Failure;
use crate::cors::Cors;
use crate::security;
use crate::state::State;
use crate::v1;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id that is taken from a client, in bytes.
const MAX_ID_BYTES: usize = 64;

/// The outermost layer: answers preflights, names the request, turns whatever
/// went wrong inside into an answer, marks every answer, and logs it.
pub(crate) async fn frame(
    state: web::Data<State>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let began = Instant::now();
    let id = offered_id(&request).unwrap_or_else(|| made_id(&state));
    let line = Line {
        method: request.method().clone(),
        path: without_secrets(request.path(), request.match_info().as_str()),
    };
    let cors = Cors::of(&request, &state.origins);
    let is_v1 = request.match_info().as_str().starts_with(v1::ROOT);
    let span = tracing::info_span!("request", request.id = id.to_str().unwrap_or_default());

    let outcome = if cors.is_preflight() {
        Ok(request.into_response(HttpResponse::Ok().finish()))
    } else {
        survive(request, next, is_v1).instrument(span).await
    };
    // Where a request was lost on the way, so was what a regular answer is tied to.
    let (asked, mut response) = match outcome {
        Ok(response) => {
            let (asked, response) = response.into_parts();
            (Some(asked), response)
        }
        Err(response) => (None, response),
    };
    cors.mark(response.headers_mut());
    security::mark(response.headers_mut());
    line.write(&id, &response, began);
    response.headers_mut().insert(REQUEST_ID, id);
    match asked {
        Some(asked) => Ok(ServiceResponse::new(asked, response)),
        None => Err(InternalError::from_response("answered", response).into()),
    }
}

/// A panic is a 500: it costs one answer and not a worker.
async fn survive(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
    is_v1: bool,
) -> Result<ServiceResponse<BoxBody>, HttpResponse> {
    match AssertUnwindSafe(next.call(request)).catch_unwind().await {
        Ok(Ok(response)) => Ok(response.map_into_boxed_body()),
        Ok(Err(error)) => Err(error.error_response()),
        Err(panic) => {
            tracing::error!(error = panic_text(panic.as_ref()), "a request panicked");
            if is_v1 {
                return Err(v1::internal_error());
            }
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            Err(Failure::detail(status, "Internal server error.").response())
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text")
}

struct Line {
    method: Method,
    path: String,
}

impl Line {
    fn write(&self, id: &HeaderValue, response: &HttpResponse, began: Instant) {
        let status = response.status().as_u16();
        let bytes = match response.body().size() {
            BodySize::Sized(bytes) => Some(bytes),
            BodySize::None => Some(0),
            BodySize::Stream => None,
        };
        let (method, path) = (self.method.as_str(), self.path.as_str());
        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        tracing::info!(
            request.id = id.to_str().unwrap_or_default(),
            http.method = method,
            http.path = path,
            http.status = status,
            duration_us = micros,
            bytes,
            "{method} {path} {status}",
        );
    }
}

/// The path, without the code of an invitation: whoever has it may join. What it
/// is routed by, `decoded`, may have been written in other ways.
fn without_secrets(path: &str, decoded: &str) -> String {
    const BEFORE: &str = "/invites/";
    let has_code = |path: &str| path.starts_with(v1::ROOT) && path.contains(BEFORE);
    let Some((head, tail)) = path.split_once(BEFORE).filter(|_| has_code(path)) else {
        let is_disguised = has_code(decoded);
        return if is_disguised { format!("{}{BEFORE}…", v1::ROOT) } else { path.to_owned() };
    };
    let rest = tail.find('/').and_then(|slash| tail.get(slash..)).unwrap_or_default();
    format!("{head}{BEFORE}…{rest}")
}

/// The id that a client or a proxy gave it, if it can be logged as it is.
fn offered_id(request: &ServiceRequest) -> Option<HeaderValue> {
    let id = request.headers().get(REQUEST_ID)?;
    let is_plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let fine = (1..=MAX_ID_BYTES).contains(&id.len()) && id.as_bytes().iter().all(is_plain);
    fine.then(|| id.clone())
}

fn made_id(state: &State) -> HeaderValue {
    let id = format!("{:016x}", state.ids.token());
    HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("unknown"))
}

/// What an unknown path gets.
pub(crate) async fn not_found() -> HttpResponse {
    Failure::not_found().response()
}

#[cfg(test)]
mod tests {
    use super::without_secrets;

    #[test]
    fn the_code_of_an_invitation_is_not_logged() {
        let cases = [
            ("/api/v1/invites/00ff", "/api/v1/invites/…"),
            ("/api/v1/invites/00ff/join", "/api/v1/invites/…/join"),
            ("/api/v1/conversations/7/invites/00ff", "/api/v1/conversations/7/invites/…"),
            ("/api/v1/conversations/7/invites", "/api/v1/conversations/7/invites"),
            ("/chat/api/", "/chat/api/"),
        ];

        for (path, want) in cases {
            assert_eq!(without_secrets(path, path), want);
        }
        let disguised = without_secrets("/api/%761/inv%69tes/00ff", "/api/v1/invites/00ff");
        assert_eq!(disguised, "/api/v1/invites/…");
    }
}
