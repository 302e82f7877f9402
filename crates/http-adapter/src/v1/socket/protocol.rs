//! What is delivered to the clients of one worker.

use std::cell::{LazyCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use application::ports::{Delivery, PresenceMove, PresenceUpdate};
use domain::{Change, ConversationId, MsgNo, Seq, UserId, Username};
use tokio::time::Instant;

use super::client::Client;
use super::server_frame::ServerFrame;
use crate::budget::Budget;
use crate::sockets::{Batch, ClientsBy, Protocol, WorkerSockets};
use crate::websocket::{Backlog, CloseCode, Durability, Frame};

pub(super) struct V1 {
    budget: Budget,
    pub(super) followers: ClientsBy<ConversationId, Client>,
}

pub(super) type V1WorkerSockets = WorkerSockets<V1>;

impl V1 {
    pub(super) fn new(budget: Budget) -> Self {
        Self { budget, followers: ClientsBy::default() }
    }

    /// Only those by which a user came online or went offline.
    fn encode_moves<'a>(&self, moves: impl Iterator<Item = &'a PresenceMove>) -> Vec<Frame> {
        let frame = |step: &PresenceMove| {
            let (username, online) = (step.user.as_str(), step.joined);
            ServerFrame::Presence { username, online }.encode(&self.budget)
        };
        moves.filter(|step| step.is_edge).map(frame).collect()
    }
}

impl Protocol for V1 {
    type Client = Client;

    fn deliver(&self, sockets: &V1WorkerSockets, delivery: Delivery) {
        match delivery {
            Delivery::Changes { conversation, to, changes } => {
                let packet = LazyCell::new(|| Rc::new(Packet::new(conversation, to, changes)));
                self.followers.for_each_of(&conversation, |client| client.deliver(&packet));
            }
            Delivery::Reset(conversation) => {
                self.followers.for_each_of(&conversation, |client| client.reset(conversation));
            }
            Delivery::Ephemeral(event) => {
                let Some(frame) = ServerFrame::ephemeral(&event) else { return };
                let frame = LazyCell::new(|| frame.encode(&self.budget));
                self.followers.for_each_of(&event.conversation, |client| {
                    if client.may_see_ephemeral(&event) {
                        let _may_be_refused =
                            client.socket.outbox.push(&frame, Durability::Ephemeral);
                    }
                });
            }
            Delivery::Inbox(user) => {
                sockets.by_user.for_each_of(&user, |client| client.request_inbox_refresh());
            }
            Delivery::Presence(_) | Delivery::Recheck(_) => {}
        }
    }

    fn encode_presence(&self, update: &PresenceUpdate) -> Vec<Frame> {
        if update.moves.is_empty() {
            return vec![ServerFrame::online(&update.online).encode(&self.budget)];
        }
        self.encode_moves(update.moves.iter())
    }

    fn presence_for(&self, client: &Client, update: &PresenceUpdate) -> Option<Vec<Frame>> {
        let hidden_names = client.hidden_names();
        let is_seen = |user: &Username| !hidden_names.contains(user);
        let is_whole = if update.moves.is_empty() {
            hidden_names.is_empty() || update.online.iter().all(is_seen)
        } else {
            hidden_names.is_empty() || update.moves.iter().all(|step| is_seen(&step.user))
        };
        if is_whole {
            return None;
        }
        if update.moves.is_empty() {
            let online = client.seen_of(update.online.clone());
            return Some(vec![ServerFrame::online(&online).encode(&self.budget)]);
        }
        Some(self.encode_moves(update.moves.iter().filter(|step| is_seen(&step.user))))
    }

    fn shed(&self, client: &Client) {
        client.socket.outbox.close(CloseCode::TryAgainLater, Backlog::Discard);
    }

    fn check(&self, client: &Client, now: Instant) {
        if now >= client.expires.get() {
            client.socket.outbox.close(CloseCode::Unauthenticated, Backlog::Flush);
        }
        if client.has_pending_answers() {
            client.socket.heartbeat.suspend();
        }
    }
}

/// The changes of one delivery. Each is encoded once for all clients of the worker.
#[derive(Debug)]
pub(super) struct Packet {
    pub(super) conversation: ConversationId,
    pub(super) to: Seq,
    pub(super) changes: Arc<[Change]>,
    frames: RefCell<Vec<Option<Frame>>>,
}

impl Packet {
    pub(super) fn new(conversation: ConversationId, to: Seq, changes: Arc<[Change]>) -> Self {
        let frames = RefCell::new(vec![None; changes.len()]);
        Self { conversation, to, changes, frames }
    }

    /// The newest message, of any author or of one; zero if there is none.
    pub(super) fn newest(&self, author: Option<UserId>) -> MsgNo {
        let numbers = self.changes.iter().map(|change| match change {
            Change::Message(message) if author.is_none_or(|author| message.author.id == author) => {
                message.msg_no
            }
            _ => MsgNo::ZERO,
        });
        numbers.max().unwrap_or(MsgNo::ZERO)
    }

    pub(super) fn frame(&self, index: usize, budget: &Budget) -> Option<Frame> {
        let change = self.changes.get(index)?;
        let mut frames = self.frames.borrow_mut();
        let frame = frames.get_mut(index)?;
        Some(frame.get_or_insert_with(|| ServerFrame::from(change).encode(budget)).clone())
    }
}

impl Batch for Packet {
    fn to(&self) -> Seq {
        self.to
    }

    fn bytes(&self) -> usize {
        let text = |change: &Change| match change {
            Change::Message(message) => message.body.as_str().len(),
            Change::Member(_) | Change::Conversation(_) => 0,
        };
        self.changes.iter().map(text).sum()
    }
}
