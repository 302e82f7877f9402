//! Passes the messages of a client to the batcher.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use application::CommitError;
use application::ports::RetryAfter;
use domain::{Action, ConversationId, Intent, MessageBody};
use futures_util::future::{Fuse, FusedFuture as _, FutureExt as _, LocalBoxFuture};
use tokio::time::sleep;

use super::client::Client;
use super::retry::Retry;
use crate::budget::{Budget, Charge};
use crate::compat::frames::Frames;
use crate::sockets::{Data, Reader, SessionEnd, SocketServices};
use crate::websocket::{Backlog, CloseCode, ReadError};

/// Messages in one group.
const GROUP_MESSAGES: usize = 64;
/// Bytes of text in one group. While a full group waits, the server reads nothing more.
const GROUP_BYTES: usize = 1024 * 1024;
/// The longest suspension of a client's heartbeat at a time.
const MAX_PAUSE: Duration = Duration::from_secs(1);
/// How long a disconnected client stays registered, so that its last messages precede its leave.
const FAREWELL: Duration = Duration::from_secs(1);

/// Reads messages until the socket ends, and returns once they are stored. Messages that arrive
/// while a group is written form the next group. Groups are written one at a time, to keep their
/// order. After a message that exceeds its rate, reading pauses until the bucket has refilled.
pub(super) async fn run(
    services: &SocketServices,
    frames: &Frames,
    client: &Client,
    mut reader: Reader,
) -> SessionEnd {
    let outbox = &*client.socket.outbox;
    let mut group = Group::new(&services.budget);
    let mut end = None;
    let mut is_writing = false;
    // Boxed, so that an idle socket keeps no memory for it.
    let mut writing: Fuse<LocalBoxFuture<'_, _>> = Fuse::terminated();
    let mut farewell = Fuse::terminated();
    let mut pause: Fuse<LocalBoxFuture<'_, _>> = Fuse::terminated();
    loop {
        // Usually ready at once. Otherwise the select below waits for it.
        let _ = (&mut pause).now_or_never();
        let may_read = end.is_none() && pause.is_terminated() && group.is_open();
        if !is_writing {
            // Messages that have already arrived join the group.
            if let Some(data) = may_read.then(|| reader.next().now_or_never()).flatten() {
                match group.add(data, services, frames, client) {
                    Ok(Some(bytes)) => {
                        pause = wait_for_rate(services, client, bytes).boxed_local().fuse();
                    }
                    Ok(None) => {}
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
        let may_read = end.is_none() && pause.is_terminated() && group.is_open();
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
            () = outbox.ended(), if end.is_none() => end = Some(SessionEnd::Closed),
            data = reader.next(), if may_read => match group.add(data, services, frames, client) {
                Ok(Some(bytes)) => {
                    pause = wait_for_rate(services, client, bytes).boxed_local().fuse();
                }
                Ok(None) => {}
                Err(reason) => {
                    end = Some(reason);
                    farewell = Box::pin(sleep(FAREWELL)).fuse();
                }
            }
        }
    }
}

/// Waits until the rates of the author and then of the lobby allow a message of so many bytes.
async fn wait_for_rate(services: &SocketServices, client: &Client, bytes: usize) {
    let limits = &services.limits;
    while let Err(wait) = limits.message_by(client.socket.user).await {
        suspend(client, wait).await;
    }
    while let Err(wait) = limits.text_by(client.socket.user, bytes).await {
        suspend(client, wait).await;
    }
    while let Err(wait) = limits.message_in(ConversationId::LOBBY).await {
        suspend(client, wait).await;
    }
}

async fn suspend(client: &Client, RetryAfter(wait): RetryAfter) {
    client.note_read_pause();
    sleep(wait.min(MAX_PAUSE)).await;
    client.note_read_pause();
}

/// Messages that go to the batcher together.
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

    /// Whether the group may grow. While the budget is exceeded, groups have one message.
    fn is_open(&self) -> bool {
        self.intents.is_empty()
            || (self.intents.len() < GROUP_MESSAGES
                && self.bytes < GROUP_BYTES
                && !self.budget.is_exceeded())
    }

    /// Adds a text message, and returns its length in bytes. Ignores other messages.
    fn add(
        &mut self,
        data: Result<Data, SessionEnd>,
        services: &SocketServices,
        frames: &Frames,
        client: &Client,
    ) -> Result<Option<usize>, SessionEnd> {
        let text = match data? {
            Data::Text(text) => text,
            Data::Binary => return Ok(None),
            Data::TooBig => {
                client.refuse_text(frames);
                return Ok(None);
            }
        };
        let body = message_body(&text)?;
        self.bytes += text.len();
        self.charge.resize(self.bytes);
        let client_id = services.ids.client_id();
        let action = Action::Send { client_id, body, marked_edited: false, reply_to: None };
        let actor = client.socket.user;
        self.intents.push(Intent { conversation: ConversationId::LOBBY, actor, action });
        Ok(Some(text.len()))
    }
}

/// Removes null characters, which no store accepts.
fn message_body(text: &str) -> Result<MessageBody, SessionEnd> {
    let text: Arc<str> =
        if text.contains('\0') { text.replace('\0', "").into() } else { text.into() };
    MessageBody::parse(text).map_err(|_| ReadError::TooBig.into())
}

/// Stores messages only after the first history, so that the client gets their echo.
async fn write_after_greeting(
    services: &SocketServices,
    client: &Client,
    group: Group,
) -> Result<(), SessionEnd> {
    tokio::select! {
        () = client.greeted() => {}
        // No history follows.
        () = client.socket.outbox.ended() => {}
    }
    write(services, &group.intents).await
}

/// Stores a group, and retries while the store is unavailable. Retries are idempotent, because the
/// client ids stay the same.
async fn write(services: &SocketServices, intents: &[Intent]) -> Result<(), SessionEnd> {
    let mut retry = Retry::new();
    loop {
        let outcomes = services.batcher.submit(intents.to_vec()).await;
        let errors = || outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
        let unavailable = errors().find_map(|error| match error {
            CommitError::Unavailable(cause) => Some(cause),
            CommitError::Refused(_) | CommitError::Failed(_) => None,
        });
        if let Some(cause) = unavailable {
            retry.wait(cause).await?;
            continue;
        }
        return match errors().next() {
            None => Ok(()),
            Some(CommitError::Refused(_)) => {
                Err(SessionEnd::Close(CloseCode::NoAccess, Backlog::Discard))
            }
            Some(CommitError::Failed(cause) | CommitError::Unavailable(cause)) => {
                Err(SessionEnd::failed(cause))
            }
        };
    }
}
