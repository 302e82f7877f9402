//! The life of one socket, from its handshake to its end.

use std::pin::pin;
use std::rc::Rc;

use application::accounts::{AuthenticateError, Caller};
use application::ports::{Audience, BackendError};
use application::{ChatError, SocketPermit};
use domain::ConversationId;
use futures_util::future::{FusedFuture as _, FutureExt as _};
use tokio::time::Instant;

use super::client::{Client, Reason};
use super::lobby::{Lobby, LobbySockets};
use super::retry::Retry;
use super::{history, receive};
use crate::sockets::{
    Reader, Registration, SessionEnd, SocketServices, UserSocket, permit_for, until_closed,
};
use crate::websocket::{Backlog, CloseCode};

/// A longer message closes the socket.
const SKIPPED_BYTES: usize = 64 << 20;
const NO_ACCESS: SessionEnd = SessionEnd::Close(CloseCode::NoAccess, Backlog::Discard);

/// Admits a client and serves it.
pub(super) async fn run(
    sockets: Rc<LobbySockets>,
    reader: Reader,
    token: Option<String>,
) -> SessionEnd {
    // Rare futures are boxed, here and below, so that an idle socket keeps no memory for them.
    let admission = Box::pin(admit(&sockets.services, token));
    match until_closed(&reader.outbox, admission).await {
        Ok((caller, _permit)) => serve(&sockets, &caller, reader).await,
        Err(end) => end,
    }
}

async fn admit(
    services: &SocketServices,
    token: Option<String>,
) -> Result<(Caller, SocketPermit), SessionEnd> {
    let caller = authenticate(services, token).await?;
    let permit = permit_for(services, caller.account.id).await?;
    Ok((caller, permit))
}

async fn authenticate(
    services: &SocketServices,
    token: Option<String>,
) -> Result<Caller, SessionEnd> {
    let token = token.ok_or(NO_ACCESS)?;
    let mut retry = Retry::new();
    loop {
        let caller = services.accounts.authenticate(&token, Audience::Compat).await;
        match enter(services, caller).await {
            Ok(caller) => return Ok(caller),
            Err(Some(cause)) => retry.wait(&cause).await?,
            Err(None) => return Err(NO_ACCESS),
        }
    }
}

/// Checks that a caller may be in the lobby. The error is the cause if a store failed.
async fn enter(
    services: &SocketServices,
    caller: Result<Caller, AuthenticateError>,
) -> Result<Caller, Option<BackendError>> {
    let caller = caller.map_err(|error| match error {
        AuthenticateError::Backend(cause) => Some(cause),
        _ => None,
    })?;
    match services.chat.view(&caller.account, ConversationId::LOBBY).await {
        Ok(_) => Ok(caller),
        Err(ChatError::Unavailable(cause) | ChatError::Failed(cause)) => Err(Some(cause)),
        Err(ChatError::Refused(_) | ChatError::Limited(_)) => Err(None),
    }
}

async fn serve(sockets: &Rc<LobbySockets>, caller: &Caller, reader: Reader) -> SessionEnd {
    let outbox = Rc::clone(&reader.outbox);
    let socket = UserSocket::new(caller.account.id, &reader);
    let session_ends = Instant::now() + sockets.services.accounts.session_time_left(caller);
    let alarm = Rc::clone(&sockets.protocol.alarm);
    let client = Rc::new(Client::new(socket, session_ends, alarm));
    if sockets.protocol.settings.heal {
        reader.skip_too_big(SKIPPED_BYTES);
        let (sockets, client) = (Rc::clone(sockets), Rc::clone(&client));
        reader.on_pong(move |payload, now| sockets.protocol.ponged(&client, payload, now));
    }
    let registration = Registration::new(sockets, &caller.account, Rc::clone(&client));
    let frames = &sockets.protocol.frames;
    let mut receiving = pin!(receive::run(&sockets.services, frames, &client, reader).fuse());
    let end = tokio::select! {
        end = &mut receiving => end,
        end = attend(sockets, caller, registration) => end,
        end = recheck_on_request(&sockets.services, &client, caller) => end,
        () = outbox.ended() => SessionEnd::Closed,
    };
    end.apply(&outbox);
    // The last messages may not be stored yet.
    if !receiving.is_terminated() {
        receiving.await;
    }
    SessionEnd::Closed
}

/// Sends the first history, and then histories on request.
async fn attend(
    sockets: &LobbySockets,
    caller: &Caller,
    registration: Registration<Lobby>,
) -> SessionEnd {
    match Box::pin(greet(sockets, caller, &registration)).await {
        Ok(()) => history::run(sockets, &registration.client).await,
        Err(end) => end,
    }
}

async fn greet(
    sockets: &LobbySockets,
    caller: &Caller,
    registration: &Registration<Lobby>,
) -> Result<(), SessionEnd> {
    let mut retry = Retry::new();
    let connection = &registration.connection;
    while let Err(cause) = connection.subscribe_all(vec![ConversationId::LOBBY]).await {
        retry.wait(&cause).await?;
    }
    history::send(sockets, &registration.client, Reason::Reset).await?;
    connection.appear(&caller.account.username);
    Ok(())
}

async fn recheck_on_request(
    services: &SocketServices,
    client: &Client,
    caller: &Caller,
) -> SessionEnd {
    loop {
        client.socket.recheck_requested().await;
        match Box::pin(recheck(services, caller)).await {
            Ok(caller) => {
                let left = services.accounts.session_time_left(&caller);
                client.session_ends.set(Instant::now() + left);
            }
            Err(end) => return end,
        }
    }
}

async fn recheck(services: &SocketServices, caller: &Caller) -> Result<Caller, SessionEnd> {
    let mut retry = Retry::new();
    loop {
        let rechecked = services.accounts.recheck(caller).await;
        match enter(services, rechecked).await {
            Ok(caller) => return Ok(caller),
            Err(Some(cause)) => retry.wait(&cause).await?,
            Err(None) => return Err(NO_ACCESS),
        }
    }
}
