//! The life of one socket of v1.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use application::accounts::{AuthenticateError, Caller};
use application::{SocketPermit, TooManySockets};
use domain::Account;
use futures_util::StreamExt as _;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::client::Client;
use super::client_frame::{ClientFrame, Command, InvalidFrame};
use super::commands;
use super::registration::Registration;
use super::server_frame::{self, ServerFrame};
use super::subscribe;
use super::worker::Rooms;
use crate::compat::SocketServices;
use crate::sockets::Heartbeat;
use crate::v1::request;
use crate::websocket::{Backlog, ClientMessage, Incoming, Outbox, ReadError, Socket};

/// How long a client may take to say who it is.
const AUTH_PATIENCE: Duration = Duration::from_secs(5);
/// Wishes that may be under way for one client.
const WISHES: usize = 32;

/// What a client came with.
pub(super) struct Visit {
    pub(super) token: Option<String>,
    /// Among the sockets of its address.
    pub(super) place: Result<SocketPermit, TooManySockets>,
    pub(super) message_chars: usize,
}

/// There is no valid token (any longer).
pub(super) const UNAUTHENTICATED: u16 = 4401;

/// Close codes of this face: 4400 and above do not want the client back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closing {
    /// It did not say who it is, or has no right to be here (any longer).
    Unauthenticated,
    /// It took too long to say so.
    Late,
    /// The store is away, or there are too many sockets.
    TryLater,
    /// As the client itself did.
    Closed(Option<u16>),
    /// As what it sent demands.
    ReadError(ReadError),
    /// Nobody is there any more.
    Over,
}

impl Closing {
    fn apply(self, outbox: &Outbox) {
        match self {
            Self::Unauthenticated => outbox.close(Some(UNAUTHENTICATED), Backlog::Flush),
            Self::Late => outbox.close(Some(4408), Backlog::Flush),
            Self::TryLater => outbox.close(Some(1013), Backlog::Flush),
            Self::Closed(code) => outbox.close(code, Backlog::Discard),
            Self::ReadError(ReadError::Disconnected) => outbox.hang_up(),
            Self::ReadError(fault) => outbox.close(fault.close_code(), Backlog::Flush),
            Self::Over => {}
        }
    }
}

/// Lets a client in, serves it, and closes its socket.
pub(super) async fn run(rooms: Rc<Rooms>, ends: Socket, visit: Visit) {
    let outbox = Rc::clone(&ends.outbox);
    let _last = ClosedInTheEnd(Rc::clone(&outbox));
    let closing = tokio::select! {
        closing = serve(rooms, ends, visit) => closing,
        () = outbox.ended() => Closing::Over,
    };
    closing.apply(&outbox);
}

/// So that no socket outlives its session, whatever ends that.
struct ClosedInTheEnd(Rc<Outbox>);

impl Drop for ClosedInTheEnd {
    fn drop(&mut self) {
        self.0.close(Some(1013), Backlog::Discard);
    }
}

async fn serve(rooms: Rc<Rooms>, ends: Socket, visit: Visit) -> Closing {
    let Socket { outbox, mut incoming, heard } = ends;
    let message_chars = visit.message_chars;
    let services = Rc::clone(&rooms);
    let services = services.services();
    // What is seldom under way is boxed, here and below: an idle socket has no room for it.
    let admission = Box::pin(admit(services, visit, &outbox, &mut incoming));
    let (caller, _places) = match admission.await {
        Ok(admitted) => admitted,
        Err(closing) => return closing,
    };
    incoming.set_limit(request::longest(message_chars));
    let user = caller.account.id;
    let budget = services.budget.clone();
    let client = Rc::new(Client::new(user, outbox, Heartbeat::new(heard), budget));
    client.expires.set(Instant::now() + services.authenticate.time_left(&caller));
    let session = Session {
        place: Registration::take(&rooms, &caller, &client),
        client,
        caller: RefCell::new(caller),
        turn: Mutex::new(()),
        message_chars,
    };
    session.run(&mut incoming).await
}

/// Who comes, and its places among the sockets of its address and of its account.
async fn admit(
    services: &SocketServices,
    visit: Visit,
    outbox: &Outbox,
    incoming: &mut Incoming,
) -> Result<(Caller, [SocketPermit; 2]), Closing> {
    let place = visit.place.map_err(|TooManySockets| Closing::TryLater)?;
    let token = match visit.token {
        Some(token) => token,
        None => timeout(AUTH_PATIENCE, first_words(services, outbox, incoming))
            .await
            .map_err(|_elapsed| Closing::Late)??,
    };
    let caller = services.authenticate.execute(&token).await.map_err(|error| match error {
        AuthenticateError::Backend(_) => Closing::TryLater,
        _ => Closing::Unauthenticated,
    })?;
    let seat = services.limits.socket_of(caller.account.id).await;
    Ok((caller, [place, seat.map_err(|TooManySockets| Closing::TryLater)?]))
}

/// The token in the first thing that the client says.
async fn first_words(
    services: &SocketServices,
    outbox: &Outbox,
    incoming: &mut Incoming,
) -> Result<String, Closing> {
    loop {
        match incoming.next().await {
            Ok(ClientMessage::Text(text)) => {
                return match ClientFrame::parse(&text, 0, || services.ids.client_id()) {
                    Ok(ClientFrame { command: Command::Auth { token }, .. }) => Ok(token),
                    _ => Err(Closing::Unauthenticated),
                };
            }
            Ok(ClientMessage::Ping(payload)) => outbox.pong(&payload),
            Ok(ClientMessage::Pong) => {}
            Ok(ClientMessage::Binary) => return Err(Closing::Unauthenticated),
            Ok(ClientMessage::Close(code)) => return Err(Closing::Closed(code)),
            Err(fault) => return Err(Closing::ReadError(fault)),
        }
    }
}

/// A client that is known.
pub(super) struct Session {
    pub(super) place: Registration,
    pub(super) client: Rc<Client>,
    /// Replaced when the token is renewed.
    pub(super) caller: RefCell<Caller>,
    /// Held by who reads a conversation: one page at a time waits for the client.
    pub(super) turn: Mutex<()>,
    message_chars: usize,
}

/// Something under way for a client.
pub(super) type Job<'a> = LocalBoxFuture<'a, ()>;

impl Session {
    pub(super) fn services(&self) -> &SocketServices {
        self.place.rooms.services()
    }

    pub(super) fn account(&self) -> Account {
        self.caller.borrow().account.clone()
    }

    async fn run(&self, incoming: &mut Incoming) -> Closing {
        let mut jobs: FuturesUnordered<Job<'_>> = FuturesUnordered::new();
        self.client.doubt_inbox();
        loop {
            // Who does not take its answers is not heard, so that they stay few.
            let has_room = self.client.flush();
            if has_room && self.client.take_missed_presence() {
                let online = self.services().presence.online();
                let budget = &self.services().budget;
                self.client.answer(server_frame::online(&online, budget));
                continue;
            }
            if has_room && self.client.take_inbox_doubt() {
                if Box::pin(subscribe::refresh(self)).await.is_err() {
                    return Closing::TryLater;
                }
                continue;
            }
            tokio::select! {
                // Answers come before new wishes.
                biased;
                () = self.client.doubted() => {
                    if let Some(closing) = Box::pin(self.recheck()).await {
                        return closing;
                    }
                }
                Some(()) = jobs.next() => {}
                () = self.client.outbox.drained(), if !has_room || self.client.misses_presence() => {}
                () = self.client.woken() => {}
                heard = incoming.next(), if has_room && jobs.len() < WISHES => match heard {
                    Ok(ClientMessage::Text(text)) => {
                        if let Some(job) = Box::pin(self.hear(&text)).await {
                            jobs.push(job);
                        }
                    }
                    Ok(ClientMessage::Ping(payload)) => self.client.outbox.pong(&payload),
                    Ok(ClientMessage::Pong) => {}
                    Ok(ClientMessage::Binary) => return Closing::Closed(Some(1003)),
                    Ok(ClientMessage::Close(code)) => return Closing::Closed(code),
                    Err(fault) => return Closing::ReadError(fault),
                },
            }
        }
    }

    /// Begins what the client wishes.
    async fn hear(&self, text: &str) -> Option<Job<'_>> {
        let ids = &self.services().ids;
        match ClientFrame::parse(text, self.message_chars, || ids.client_id()) {
            Ok(said) => commands::begin(self, said).await,
            Err(InvalidFrame { reference, problem }) => {
                let budget = &self.services().budget;
                self.client.answer(server_frame::error(reference.as_deref(), &problem, budget));
                None
            }
        }
    }

    /// Looks again whether the client may be here.
    async fn recheck(&self) -> Option<Closing> {
        let caller = self.caller.borrow().clone();
        match self.services().authenticate.recheck(&caller).await {
            Ok(caller) => {
                *self.caller.borrow_mut() = caller;
                None
            }
            Err(AuthenticateError::Backend(_)) => Some(Closing::TryLater),
            Err(_) => Some(Closing::Unauthenticated),
        }
    }

    /// The client goes on under a newer token.
    pub(super) fn renew(&self, caller: Caller) {
        let left = self.services().authenticate.time_left(&caller);
        self.client.expires.set(Instant::now() + left);
        *self.caller.borrow_mut() = caller;
    }

    /// Says something to the client.
    pub(super) fn say(&self, frame: &ServerFrame<'_>) {
        self.client.answer(frame.encode(&self.services().budget));
    }
}
