//! The life of one socket, from its handshake to its end.

use std::pin::pin;
use std::rc::Rc;

use application::accounts::{AuthenticateError, Caller};
use application::{ChatError, SocketPermit, TooManySockets};
use domain::{ConversationId, UserId, Username};
use futures_util::future::{FusedFuture as _, FutureExt as _};

use super::SocketServices;
use super::client::{Client, Reason};
use super::history::{self, GivenUp};
use super::lobby::Lobby;
use super::receive::{self, End};
use super::retry::Retry;
use crate::websocket::{Backlog, Outbox, Socket};

/// What a client came with.
pub(super) struct Visit {
    pub(super) token: Option<String>,
    /// Among the sockets of its address.
    pub(super) place: Result<SocketPermit, TooManySockets>,
}

/// Lets a client in, serves it, and closes its socket.
pub(super) async fn run(lobby: Rc<Lobby>, ends: Socket, visit: Visit) {
    let Visit { token, place } = visit;
    let outbox = Rc::clone(&ends.outbox);
    let _last = ClosedInTheEnd(Rc::clone(&outbox));
    let Ok(_place) = place else { return Closing::TryLater.apply(&outbox) };
    let admitted = tokio::select! {
        // What is seldom under way is boxed, here and below: an idle socket has no room for it.
        admitted = Box::pin(admit(lobby.services(), token)) => admitted,
        () = outbox.ended() => return,
    };
    match admitted {
        Ok((caller, _place)) => serve(&lobby, &caller, ends).await,
        Err(closing) => closing.apply(&outbox),
    }
}

/// So that no socket outlives its session, whatever ends that.
struct ClosedInTheEnd(Rc<Outbox>);

impl Drop for ClosedInTheEnd {
    fn drop(&mut self) {
        self.0.close(Some(1013), Backlog::Discard);
    }
}

/// How a socket is closed from this side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    /// The client has no right to be here.
    NoAccess,
    /// The store is away, or there are too many sockets.
    TryLater,
    /// As what the client said demands.
    ClientMessage(End),
}

impl Closing {
    fn apply(self, outbox: &Outbox) {
        match self {
            Self::NoAccess => outbox.close(Some(4003), Backlog::Discard),
            Self::TryLater => outbox.close(Some(1013), Backlog::Flush),
            Self::ClientMessage(end) => end.apply(outbox),
        }
    }
}

/// Who comes, and a place among the sockets of that account.
async fn admit(
    services: &SocketServices,
    token: Option<String>,
) -> Result<(Caller, SocketPermit), Closing> {
    let caller = recognise(services, token).await?;
    let place = services.limits.socket_of(caller.account.id).await;
    Ok((caller, place.map_err(|TooManySockets| Closing::TryLater)?))
}

async fn recognise(services: &SocketServices, token: Option<String>) -> Result<Caller, Closing> {
    let token = token.ok_or(Closing::NoAccess)?;
    let mut patience = Retry::new();
    loop {
        match services.authenticate.execute(&token).await {
            Ok(caller) => match may_enter(services, &caller).await {
                Some(true) => return Ok(caller),
                Some(false) => return Err(Closing::NoAccess),
                None => {}
            },
            Err(AuthenticateError::Backend(error)) => patience.note(error),
            Err(_) => return Err(Closing::NoAccess),
        }
        if !patience.wait().await {
            return Err(Closing::TryLater);
        }
    }
}

/// Whether somebody may be in the lobby; none if that cannot be told now.
async fn may_enter(services: &SocketServices, caller: &Caller) -> Option<bool> {
    match services.chat.enter(&caller.account, ConversationId::LOBBY).await {
        Ok(()) => Some(true),
        Err(ChatError::Unavailable) => None,
        Err(_) => Some(false),
    }
}

async fn serve(lobby: &Rc<Lobby>, caller: &Caller, ends: Socket) {
    let Socket { outbox, incoming, heard } = ends;
    let services = lobby.services();
    let client = Rc::new(Client::new(caller.account.id, Rc::clone(&outbox), heard));
    let place = Place::take(lobby, caller, Rc::clone(&client));
    let mut reading = pin!(receive::run(services, &client, incoming).fuse());
    let closing = tokio::select! {
        end = &mut reading => Closing::ClientMessage(end),
        closing = attend(lobby, &client, place) => closing,
        closing = watch(services, &client, caller) => closing,
        () = outbox.ended() => Closing::ClientMessage(End::Over),
    };
    closing.apply(&outbox);
    // Nobody is there any more, but the last words may still be on their way to the store.
    if !reading.is_terminated() {
        reading.await;
    }
}

/// Greets the client and keeps it informed.
async fn attend(lobby: &Lobby, client: &Client, mut place: Place) -> Closing {
    if Box::pin(greet(lobby, client, &mut place)).await.is_ok() {
        history::run(lobby, client).await;
    }
    Closing::TryLater
}

async fn greet(lobby: &Lobby, client: &Client, place: &mut Place) -> Result<(), GivenUp> {
    let mut patience = Retry::new();
    while let Err(error) = place.subscribe().await {
        patience.note(error);
        if !patience.wait().await {
            return Err(GivenUp);
        }
    }
    history::show_history(lobby, client, Reason::Reset).await?;
    place.enter();
    Ok(())
}

/// Looks again whether the client may be here, whenever that is in doubt.
async fn watch(services: &SocketServices, client: &Client, caller: &Caller) -> Closing {
    loop {
        client.doubted().await;
        if let Err(closing) = Box::pin(recheck(services, caller)).await {
            return closing;
        }
    }
}

async fn recheck(services: &SocketServices, caller: &Caller) -> Result<(), Closing> {
    let mut patience = Retry::new();
    loop {
        let known = match services.authenticate.recheck(caller).await {
            Ok(caller) => may_enter(services, &caller).await,
            Err(AuthenticateError::Backend(error)) => {
                patience.note(error);
                None
            }
            Err(_) => Some(false),
        };
        match known {
            Some(true) => return Ok(()),
            Some(false) => return Err(Closing::NoAccess),
            None if patience.wait().await => {}
            None => return Err(Closing::TryLater),
        }
    }
}

/// A client's place in the lobby. Dropping it undoes exactly what was done.
struct Place {
    lobby: Rc<Lobby>,
    number: usize,
    user: UserId,
    username: Username,
    is_listening: bool,
    has_entered: bool,
}

impl Place {
    fn take(lobby: &Rc<Lobby>, caller: &Caller, client: Rc<Client>) -> Self {
        let account = &caller.account;
        lobby.services().hub.connected(account.id, account.auth_version);
        Self {
            number: lobby.add(client),
            lobby: Rc::clone(lobby),
            user: account.id,
            username: account.username.clone(),
            is_listening: false,
            has_entered: false,
        }
    }

    async fn subscribe(&mut self) -> Result<(), application::ports::BackendError> {
        self.lobby.services().hub.subscribe(ConversationId::LOBBY).await?;
        self.is_listening = true;
        Ok(())
    }

    fn enter(&mut self) {
        self.lobby.services().presence.enter(&self.username);
        self.has_entered = true;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let services = self.lobby.services();
        if self.has_entered {
            services.presence.leave(&self.username);
        }
        if self.is_listening {
            services.hub.unsubscribe(ConversationId::LOBBY);
        }
        services.disconnected(self.user);
        self.lobby.remove(self.number);
    }
}
