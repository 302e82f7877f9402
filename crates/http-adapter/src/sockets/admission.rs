//! Turns handshakes into sessions.

use std::future::Future;
use std::rc::Rc;

use actix_web::{HttpRequest, HttpResponse};
use application::{ClientAddress, SocketPermit, TooManySockets};
use domain::UserId;

use super::reader::Reader;
use super::session_end::CloseOnDrop;
use super::worker::{Protocol, WorkerSockets};
use super::{SessionEnd, SocketServices};
use crate::websocket::{Handshake, NoHandshake};

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
