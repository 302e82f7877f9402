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
use super::commands;
use super::frames::{self, Frames};
use super::opening;
use super::place::Place;
use super::rooms::Rooms;
use super::said::{Said, Unheard, Wish};
use crate::compat::SocketServices;
use crate::fanout::{Ends, Fault, Heard, Inbound, Outbox, Pulse, Rest};
use crate::v1::request;

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
    Fault(Fault),
    /// Nobody is there any more.
    Over,
}

impl Closing {
    fn apply(self, outbox: &Outbox) {
        match self {
            Self::Unauthenticated => outbox.close(Some(UNAUTHENTICATED), Rest::Sent),
            Self::Late => outbox.close(Some(4408), Rest::Sent),
            Self::TryLater => outbox.close(Some(1013), Rest::Sent),
            Self::Closed(code) => outbox.close(code, Rest::Dropped),
            Self::Fault(Fault::Gone) => outbox.hang_up(),
            Self::Fault(fault) => outbox.close(fault.close_code(), Rest::Sent),
            Self::Over => {}
        }
    }
}

/// Lets a client in, serves it, and closes its socket.
pub(super) async fn run(rooms: Rc<Rooms>, ends: Ends, visit: Visit) {
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
        self.0.close(Some(1013), Rest::Dropped);
    }
}

async fn serve(rooms: Rc<Rooms>, ends: Ends, visit: Visit) -> Closing {
    let Ends { outbox, mut inbound, heard } = ends;
    let message_chars = visit.message_chars;
    let services = Rc::clone(&rooms);
    let services = services.services();
    // What is seldom under way is boxed, here and below: an idle socket has no room for it.
    let admission = Box::pin(admit(services, visit, &outbox, &mut inbound));
    let (caller, _places) = match admission.await {
        Ok(admitted) => admitted,
        Err(closing) => return closing,
    };
    inbound.set_limit(request::longest(message_chars));
    let user = caller.account.id;
    let budget = services.budget.clone();
    let client = Rc::new(Client::new(user, outbox, Pulse::new(heard), budget));
    client.expires.set(Instant::now() + services.authenticate.time_left(&caller));
    let session = Session {
        place: Place::take(&rooms, &caller, &client),
        client,
        caller: RefCell::new(caller),
        turn: Mutex::new(()),
        message_chars,
    };
    session.run(&mut inbound).await
}

/// Who comes, and its places among the sockets of its address and of its account.
async fn admit(
    services: &SocketServices,
    visit: Visit,
    outbox: &Outbox,
    inbound: &mut Inbound,
) -> Result<(Caller, [SocketPermit; 2]), Closing> {
    let place = visit.place.map_err(|TooManySockets| Closing::TryLater)?;
    let token = match visit.token {
        Some(token) => token,
        None => timeout(AUTH_PATIENCE, first_words(services, outbox, inbound))
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
    inbound: &mut Inbound,
) -> Result<String, Closing> {
    loop {
        match inbound.next().await {
            Ok(Heard::Text(text)) => {
                return match Said::parse(&text, 0, || services.ids.client_id()) {
                    Ok(Said { wish: Wish::Auth { token }, .. }) => Ok(token),
                    _ => Err(Closing::Unauthenticated),
                };
            }
            Ok(Heard::Ping(payload)) => outbox.pong(&payload),
            Ok(Heard::Pong) => {}
            Ok(Heard::Binary) => return Err(Closing::Unauthenticated),
            Ok(Heard::Close(code)) => return Err(Closing::Closed(code)),
            Err(fault) => return Err(Closing::Fault(fault)),
        }
    }
}

/// A client that is known.
pub(super) struct Session {
    pub(super) place: Place,
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

    async fn run(&self, inbound: &mut Inbound) -> Closing {
        let mut jobs: FuturesUnordered<Job<'_>> = FuturesUnordered::new();
        self.client.doubt_inbox();
        loop {
            // Who does not take its answers is not heard, so that they stay few.
            let has_room = self.client.flush();
            if has_room && self.client.take_missed_presence() {
                let online = self.services().presence.online();
                let budget = &self.services().budget;
                self.client.answer(frames::online(&online, budget));
                continue;
            }
            if has_room && self.client.take_inbox_doubt() {
                if Box::pin(opening::refresh(self)).await.is_err() {
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
                heard = inbound.next(), if has_room && jobs.len() < WISHES => match heard {
                    Ok(Heard::Text(text)) => {
                        if let Some(job) = Box::pin(self.hear(&text)).await {
                            jobs.push(job);
                        }
                    }
                    Ok(Heard::Ping(payload)) => self.client.outbox.pong(&payload),
                    Ok(Heard::Pong) => {}
                    Ok(Heard::Binary) => return Closing::Closed(Some(1003)),
                    Ok(Heard::Close(code)) => return Closing::Closed(code),
                    Err(fault) => return Closing::Fault(fault),
                },
            }
        }
    }

    /// Begins what the client wishes.
    async fn hear(&self, text: &str) -> Option<Job<'_>> {
        let ids = &self.services().ids;
        match Said::parse(text, self.message_chars, || ids.client_id()) {
            Ok(said) => commands::begin(self, said).await,
            Err(Unheard { reference, problem }) => {
                let budget = &self.services().budget;
                self.client.answer(frames::error(reference.as_deref(), &problem, budget));
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
    pub(super) fn say(&self, frame: &Frames<'_>) {
        self.client.answer(frame.encode(&self.services().budget));
    }
}
