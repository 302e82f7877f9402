//! Turns handshakes into sessions, and reads their messages.

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;

use actix_web::{HttpRequest, HttpResponse};
use application::{ClientAddress, SocketPermit, TooManySockets};
use bytestring::ByteString;
use domain::UserId;
use tokio::time::Instant;

use super::session_end::CloseOnDrop;
use super::worker::{Protocol, WorkerSockets};
use super::{SessionEnd, SocketServices};
use crate::websocket::{ClientMessage, Handshake, Incoming, NoHandshake, Outbox};

/// Upgrades a request to a socket. A socket over the limit of its address is accepted and closed at
/// once, because browsers cannot read the status of a refused handshake.
pub(crate) async fn accept<P: Protocol, F>(
    sockets: &Rc<WorkerSockets<P>>,
    request: &HttpRequest,
    address: ClientAddress,
    message_bytes: usize,
    session: impl FnOnce(Rc<WorkerSockets<P>>, Reader) -> F + 'static,
) -> Result<HttpResponse, NoHandshake>
where
    F: Future<Output = SessionEnd> + 'static,
{
    let services = &sockets.services;
    let limits = services.settings.socket_limits(message_bytes);
    let handshake = Handshake::read(request, limits, &services.budget).await?;
    services.limits.handshake(address).await.map_err(NoHandshake::Limited)?;
    let permit = services.limits.socket_from(address).await;
    let sockets = Rc::clone(sockets);
    let flusher = Rc::clone(&sockets.flusher);
    Ok(handshake.accept(flusher, move |outbox, incoming| async move {
        let _guard = CloseOnDrop(Rc::clone(&outbox));
        let end = match permit {
            Ok(_permit) => session(sockets, Reader::new(incoming, Rc::clone(&outbox))).await,
            Err(TooManySockets) => SessionEnd::TRY_AGAIN_LATER,
        };
        end.apply(&outbox);
    }))
}

/// Counts a new socket of an account.
pub(crate) async fn permit_for(
    services: &SocketServices,
    user: UserId,
) -> Result<SocketPermit, SessionEnd> {
    let permit = services.limits.socket_of(user).await;
    permit.map_err(|TooManySockets| SessionEnd::TRY_AGAIN_LATER)
}

/// Reads messages, and answers the control frames between them.
pub(crate) struct Reader {
    incoming: Box<Incoming>,
    pub(crate) outbox: Rc<Outbox>,
}

/// A message that is not a control frame.
#[derive(Debug)]
pub(crate) enum Data {
    Text(ByteString),
    /// The content is dropped, because no protocol uses binary messages.
    Binary,
}

impl Reader {
    fn new(incoming: Box<Incoming>, outbox: Rc<Outbox>) -> Self {
        Self { incoming, outbox }
    }

    pub(super) fn last_received(&self) -> Rc<Cell<Instant>> {
        self.incoming.last_received()
    }

    pub(crate) fn set_limit(&self, bytes: usize) {
        self.incoming.set_limit(bytes);
    }

    /// Reads the next message. Cancel-safe. Must not be called after an error.
    pub(crate) async fn next(&mut self) -> Result<Data, SessionEnd> {
        loop {
            match self.incoming.next().await? {
                ClientMessage::Text(text) => return Ok(Data::Text(text)),
                ClientMessage::Binary => return Ok(Data::Binary),
                ClientMessage::Ping(payload) => self.outbox.pong(&payload),
                ClientMessage::Pong => {}
                ClientMessage::Close(code) => return Err(SessionEnd::echo(code)),
            }
        }
    }
}
