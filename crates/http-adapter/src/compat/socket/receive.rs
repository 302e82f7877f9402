//! From what a client says to the batcher.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use application::CommitError;
use application::ports::RetryAfter;
use domain::{Action, ConversationId, Intent, MessageBody, UserId};
use futures_util::future::{Fuse, FusedFuture as _, FutureExt as _, LocalBoxFuture};
use tokio::time::sleep;

use super::SocketServices;
use super::client::Client;
use super::retry::Retry;
use crate::budget::{Budget, Charge};
use crate::websocket::{Backlog, ClientMessage, Incoming, Outbox, ReadError};

/// A group is closed once it holds this many messages…
const GROUP_MESSAGES: usize = 64;
/// …or this many bytes of text; the socket is not read meanwhile.
const GROUP_BYTES: usize = 1024 * 1024;
/// A client that is not heard counts as silent no longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How long a client that has ended stays, so that its last words come before its leaving.
const FAREWELL: Duration = Duration::from_secs(1);

/// Why a client is heard no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It said good-bye, with this code if any.
    Closed(Option<u16>),
    /// Its line is gone.
    Gone,
    /// The socket was closed from this side.
    Over,
    /// Something was wrong with what it said.
    ReadError(ReadError),
    /// It may not speak here.
    Refused,
    /// What it said cannot be stored, now or at all.
    Unstored,
}

impl End {
    /// Closes the socket accordingly.
    pub(super) fn apply(self, outbox: &Outbox) {
        match self {
            Self::Closed(code) => outbox.close(code, Backlog::Discard),
            Self::Gone => outbox.hang_up(),
            Self::Over => {}
            Self::ReadError(fault) => outbox.close(fault.close_code(), Backlog::Flush),
            Self::Refused => outbox.close(Some(4003), Backlog::Discard),
            Self::Unstored => outbox.close(Some(1013), Backlog::Flush),
        }
    }
}

/// Hears a client out, until its socket is closing or should be, and what it
/// said is stored. What it says while a group is being written goes into the
/// next one: one at a time, so that their order is kept. After a message over
/// its rate nothing is read until the bucket has filled.
pub(super) async fn run(services: &SocketServices, client: &Client, mut incoming: Incoming) -> End {
    let Client { user, outbox, .. } = client;
    let (user, outbox) = (*user, &**outbox);
    let mut group = Group::new(&services.budget);
    let mut end = None;
    let mut is_writing = false;
    // Boxed, as they are seldom under way: an idle socket has no room for them.
    let mut writing: Fuse<LocalBoxFuture<'_, _>> = Fuse::terminated();
    let mut farewell = Fuse::terminated();
    let mut pause: Fuse<LocalBoxFuture<'_, _>> = Fuse::terminated();
    loop {
        // Mostly over at once. If not, it is waited for below.
        let _ = (&mut pause).now_or_never();
        let is_heard = end.is_none() && pause.is_terminated() && group.has_room();
        if !is_writing {
            // What has come already goes along.
            if let Some(heard) = is_heard.then(|| incoming.next().now_or_never()).flatten() {
                match group.take(heard, services, user, outbox) {
                    Ok(Took::Text) => pause = turn(services, client).boxed_local().fuse(),
                    Ok(Took::Nothing) => {}
                    Err(reason) => end = Some(reason),
                }
                continue;
            }
            if !group.intents.is_empty() {
                let full = mem::replace(&mut group, Group::new(&services.budget));
                writing = write_after_greeting(services, client, full).boxed_local().fuse();
                is_writing = true;
            } else if let Some(end) = end {
                return end;
            }
        }
        let is_heard = end.is_none() && pause.is_terminated() && group.has_room();
        tokio::select! {
            result = &mut writing, if is_writing => {
                is_writing = false;
                if let Err(end) = result {
                    return end;
                }
            }
            () = &mut farewell, if !farewell.is_terminated() => {
                if let Some(end) = &end {
                    end.apply(outbox);
                }
            }
            () = &mut pause, if !pause.is_terminated() => {}
            () = outbox.ended(), if end.is_none() => end = Some(End::Over),
            heard = incoming.next(), if is_heard => {
                match group.take(heard, services, user, outbox) {
                    Ok(Took::Text) => pause = turn(services, client).boxed_local().fuse(),
                    Ok(Took::Nothing) => {}
                    Err(reason) => {
                        end = Some(reason);
                        farewell = Box::pin(sleep(FAREWELL)).fuse();
                    }
                }
            }
        }
    }
}

/// Waits until a message that was taken is within its rate: of its author,
/// then of the lobby.
async fn turn(services: &SocketServices, client: &Client) {
    let limits = &services.limits;
    while let Err(wait) = limits.message_by(client.user).await {
        unheard(client, wait).await;
    }
    while let Err(wait) = limits.message_in(ConversationId::LOBBY).await {
        unheard(client, wait).await;
    }
}

async fn unheard(client: &Client, RetryAfter(wait): RetryAfter) {
    client.left_unheard();
    sleep(wait.min(LONGEST_PAUSE)).await;
    client.left_unheard();
}

/// What there was to a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Took {
    Text,
    Nothing,
}

/// Chat that go to the batcher together.
#[derive(Debug)]
struct Group {
    intents: Vec<Intent>,
    bytes: usize,
    budget: Budget,
    charge: Charge,
}

impl Group {
    fn new(budget: &Budget) -> Self {
        Self { intents: Vec::new(), bytes: 0, budget: budget.clone(), charge: budget.charge(0) }
    }

    /// Whether more may be read; while this process holds too much, one message at a time.
    fn has_room(&self) -> bool {
        self.intents.is_empty()
            || (self.intents.len() < GROUP_MESSAGES
                && self.bytes < GROUP_BYTES
                && !self.budget.is_exceeded())
    }

    fn take(
        &mut self,
        heard: Result<ClientMessage, ReadError>,
        services: &SocketServices,
        user: UserId,
        outbox: &Outbox,
    ) -> Result<Took, End> {
        match heard {
            Ok(heard) => self.take_message(heard, services, user, outbox),
            Err(ReadError::Disconnected) => Err(End::Gone),
            Err(fault) => Err(End::ReadError(fault)),
        }
    }

    fn take_message(
        &mut self,
        heard: ClientMessage,
        services: &SocketServices,
        user: UserId,
        outbox: &Outbox,
    ) -> Result<Took, End> {
        match heard {
            ClientMessage::Text(text) => {
                let body = message_body(&text)?;
                self.bytes += text.len();
                self.charge.resize(self.bytes);
                let client_id = services.ids.client_id();
                let action = Action::Send { client_id, body, marked_edited: false, reply_to: None };
                self.intents.push(Intent {
                    conversation: ConversationId::LOBBY,
                    actor: user,
                    action,
                });
                return Ok(Took::Text);
            }
            ClientMessage::Ping(payload) => outbox.pong(&payload),
            ClientMessage::Close(code) => return Err(End::Closed(code)),
            ClientMessage::Binary | ClientMessage::Pong => {}
        }
        Ok(Took::Nothing)
    }
}

/// The text as it is, without its null characters, which no store keeps.
fn message_body(text: &str) -> Result<MessageBody, End> {
    let text: Arc<str> =
        if text.contains('\0') { text.replace('\0', "").into() } else { text.into() };
    MessageBody::parse(text).map_err(|_| End::ReadError(ReadError::TooBig))
}

/// What was said before the history has been shown is stored after it, and so echoed.
async fn write_after_greeting(
    services: &SocketServices,
    client: &Client,
    group: Group,
) -> Result<(), End> {
    tokio::select! {
        () = client.greeted() => {}
        // There will be no history any more.
        () = client.outbox.ended() => {}
    }
    write(services, &group.intents).await
}

/// Stores a group, however long that takes; a repeat changes nothing, as the
/// client ids are the same.
async fn write(services: &SocketServices, intents: &[Intent]) -> Result<(), End> {
    let mut patience = Retry::new();
    loop {
        let answers = services.batcher.submit(intents.to_vec()).await;
        let errors = || answers.iter().filter_map(|answer| answer.as_ref().err());
        if errors().any(|error| *error == CommitError::Unavailable) {
            if patience.wait().await {
                continue;
            }
            return Err(End::Unstored);
        }
        return match errors().next() {
            None => Ok(()),
            Some(CommitError::Refused(_)) => Err(End::Refused),
            // The batcher has logged why.
            Some(CommitError::Failed | CommitError::Unavailable) => Err(End::Unstored),
        };
    }
}
