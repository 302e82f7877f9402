//! The beginning of a socket, as RFC 6455 asks for it.

use actix_http::ws::HandshakeError;
use actix_web::http::Version;
use actix_web::http::header::{CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING, UPGRADE};
use actix_web::{HttpRequest, HttpResponse};

/// Why a socket does not begin.
pub(crate) enum NoHandshake {
    /// Nobody asked for one.
    NotAsked,
    /// It was asked for in a wrong way.
    Wrong(Box<HttpResponse>),
}

/// The answer that begins a socket; its body is still to come.
pub(crate) fn answer(request: &HttpRequest) -> Result<actix_http::ResponseBuilder, NoHandshake> {
    let response = match actix_http::ws::handshake(request.head()) {
        Ok(response) => response,
        Err(HandshakeError::GetMethodRequired | HandshakeError::NoWebsocketUpgrade) => {
            return Err(NoHandshake::NotAsked);
        }
        Err(error) => {
            let told = actix_web::Error::from(error).error_response();
            return Err(NoHandshake::Wrong(Box::new(told)));
        }
    };
    if is_plain_get(request) {
        return Ok(response);
    }
    let told = "A handshake is a GET of HTTP/1.1 without a body, for no protocol but websocket.";
    Err(NoHandshake::Wrong(Box::new(HttpResponse::BadRequest().body(told))))
}

/// What actix-http does not check: with a body, its bytes would be taken for frames.
fn is_plain_get(request: &HttpRequest) -> bool {
    let headers = request.headers();
    let is_empty = |length: &HeaderValue| length.as_bytes() == b"0";
    // Of several protocols actix would not hand the connection over.
    let is_one =
        headers.get(UPGRADE).is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"websocket"));
    is_one
        && request.version() == Version::HTTP_11
        && !headers.contains_key(TRANSFER_ENCODING)
        && headers.get(CONTENT_LENGTH).is_none_or(is_empty)
}
