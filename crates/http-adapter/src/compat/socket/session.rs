//! The life of one socket, from its handshake to its end.

use std::pin::pin;
use std::rc::Rc;

use application::accounts::{AuthenticateError, Caller};
use application::{ChatError, SocketPermit, TooManySockets};
use domain::{ConversationId, UserId, Username};
use futures_util::future::{FusedFuture as _, FutureExt as _};

use super::SocketServices;
use super::feed::{self, GivenUp};
use super::lobby::Lobby;
use super::member::{Member, Reason};
use super::patience::Patience;
use super::reading::{self, End};
use crate::fanout::{Ends, Outbox, Rest};

/// What a client came with.
pub(super) struct Visit {
    pub(super) token: Option<String>,
    /// Among the sockets of its address.
    pub(super) place: Result<SocketPermit, TooManySockets>,
}

/// Lets a client in, serves it, and closes its socket.
pub(super) async fn run(lobby: Rc<Lobby>, ends: Ends, visit: Visit) {
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
        self.0.close(Some(1013), Rest::Dropped);
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
    Heard(End),
}

impl Closing {
    fn apply(self, outbox: &Outbox) {
        match self {
            Self::NoAccess => outbox.close(Some(4003), Rest::Dropped),
            Self::TryLater => outbox.close(Some(1013), Rest::Sent),
            Self::Heard(end) => end.apply(outbox),
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
    let mut patience = Patience::new();
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

async fn serve(lobby: &Rc<Lobby>, caller: &Caller, ends: Ends) {
    let Ends { outbox, inbound, heard } = ends;
    let services = lobby.services();
    let member = Rc::new(Member::new(caller.account.id, Rc::clone(&outbox), heard));
    let place = Place::take(lobby, caller, Rc::clone(&member));
    let mut reading = pin!(reading::run(services, &member, inbound).fuse());
    let closing = tokio::select! {
        end = &mut reading => Closing::Heard(end),
        closing = attend(lobby, &member, place) => closing,
        closing = watch(services, &member, caller) => closing,
        () = outbox.ended() => Closing::Heard(End::Over),
    };
    closing.apply(&outbox);
    // Nobody is there any more, but the last words may still be on their way to the store.
    if !reading.is_terminated() {
        reading.await;
    }
}

/// Greets the client and keeps it informed.
async fn attend(lobby: &Lobby, member: &Member, mut place: Place) -> Closing {
    if Box::pin(greet(lobby, member, &mut place)).await.is_ok() {
        feed::run(lobby, member).await;
    }
    Closing::TryLater
}

async fn greet(lobby: &Lobby, member: &Member, place: &mut Place) -> Result<(), GivenUp> {
    let mut patience = Patience::new();
    while let Err(error) = place.subscribe().await {
        patience.note(error);
        if !patience.wait().await {
            return Err(GivenUp);
        }
    }
    feed::show_history(lobby, member, Reason::Reset).await?;
    place.enter();
    Ok(())
}

/// Looks again whether the client may be here, whenever that is in doubt.
async fn watch(services: &SocketServices, member: &Member, caller: &Caller) -> Closing {
    loop {
        member.doubted().await;
        if let Err(closing) = Box::pin(recheck(services, caller)).await {
            return closing;
        }
    }
}

async fn recheck(services: &SocketServices, caller: &Caller) -> Result<(), Closing> {
    let mut patience = Patience::new();
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
    fn take(lobby: &Rc<Lobby>, caller: &Caller, member: Rc<Member>) -> Self {
        let account = &caller.account;
        lobby.services().hub.connected(account.id, account.auth_version);
        Self {
            number: lobby.add(member),
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
