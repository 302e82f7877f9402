//! Upgrades requests to sockets (RFC 6455).

use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use actix_http::ws::HandshakeError;
use actix_web::http::Version;
use actix_web::http::header::{
    CONTENT_LENGTH, HeaderName, HeaderValue, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, rt};
use application::ports::RetryAfter;

use super::{Flusher, Incoming, Outbox, QueueLimits};
use crate::budget::Budget;
use crate::transport::{Connection, Takeover, Upgraded};

/// Why a request does not become a socket.
pub(crate) enum NoHandshake {
    NotRequested,
    UnsupportedVersion,
    Invalid(HttpResponse),
    Limited(RetryAfter),
}

/// The headers of a response with 426: how to upgrade.
pub(crate) const UPGRADE_REQUIRED: [(HeaderName, HeaderValue); 2] = [
    (UPGRADE, HeaderValue::from_static("websocket")),
    (SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")),
];

/// The bounds of one socket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SocketLimits {
    pub(crate) queue: QueueLimits,
    /// Bytes of the longest message that a client may send.
    pub(crate) message_bytes: usize,
    /// How long the queue may take to drain once the socket is closing.
    pub(crate) close_timeout: Duration,
}

/// A valid handshake before its response.
pub(crate) struct Handshake {
    response: HttpResponse,
    /// Boxed, as futures keep room for it at each level that it is moved through.
    incoming: Box<Incoming>,
    connection: Rc<Connection>,
    limits: SocketLimits,
}

impl Handshake {
    pub(crate) async fn read(
        request: &HttpRequest,
        limits: SocketLimits,
        budget: &Budget,
    ) -> Result<Self, NoHandshake> {
        let upgraded = request.extensions_mut().remove::<Upgraded>();
        let is_upgraded = upgraded.is_some();
        let Upgraded { connection, payload } = upgraded.unwrap_or_default();
        let opened = Incoming::open(request, payload, limits.message_bytes, budget).await;
        let (response, incoming) = opened.map_err(|error| refusal(&error))?;
        if !is_upgraded || !is_plain_get(request) {
            let detail =
                "A handshake is a GET of HTTP/1.1 without a body, for no protocol but websocket.";
            return Err(NoHandshake::Invalid(HttpResponse::BadRequest().body(detail)));
        }
        Ok(Self { response, incoming: Box::new(incoming), connection, limits })
    }

    /// Returns the response, and starts `session` in a task. The session must end once its outbox
    /// has ended.
    pub(crate) fn accept<F>(
        self,
        flusher: Rc<Flusher>,
        session: impl FnOnce(Rc<Outbox>, Box<Incoming>) -> F + 'static,
    ) -> HttpResponse
    where
        F: Future<Output = ()> + 'static,
    {
        let Self { mut response, incoming, connection, limits } = self;
        let takeover = Takeover::new(move || {
            let outbox = Outbox::new(limits.queue, connection, flusher);
            drop(rt::spawn(session(Rc::clone(&outbox), incoming)));
            let writer = Writer(outbox);
            async move { writer.0.write_rest(limits.close_timeout).await }
        });
        response.extensions_mut().insert(takeover);
        response
    }
}

/// Ends the outbox even if the task that writes it is dropped.
struct Writer(Rc<Outbox>);

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.hang_up();
    }
}

fn refusal(error: &actix_web::Error) -> NoHandshake {
    match error.as_error::<HandshakeError>() {
        Some(HandshakeError::GetMethodRequired | HandshakeError::NoWebsocketUpgrade) => {
            NoHandshake::NotRequested
        }
        Some(HandshakeError::NoVersionHeader | HandshakeError::UnsupportedVersion) => {
            NoHandshake::UnsupportedVersion
        }
        _ => NoHandshake::Invalid(error.error_response()),
    }
}

/// Checks what actix-ws does not: a body would be parsed as frames.
fn is_plain_get(request: &HttpRequest) -> bool {
    let headers = request.headers();
    let is_empty = |length: &HeaderValue| length.as_bytes() == b"0";
    // actix does not hand over the connection if the client offers several protocols.
    let is_single =
        headers.get(UPGRADE).is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"websocket"));
    is_single
        && request.version() == Version::HTTP_11
        && !headers.contains_key(TRANSFER_ENCODING)
        && headers.get(CONTENT_LENGTH).is_none_or(is_empty)
}
