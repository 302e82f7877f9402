//! The clients of one worker, the conversations that they follow, and what is delivered to them.

use std::cell::{LazyCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use application::ConnectionGuard;
use application::ports::{BackendError, Delivery, PresenceUpdate};
use domain::{Account, Change, ConversationId, MsgNo, Seq, UserId, Username, Viewer};
use tokio::time::Instant;

use super::client::Client;
use super::server_frame::ServerFrame;
use crate::budget::Budget;
use crate::sockets::{self, Batch, Protocol, Registration, SocketServices, WorkerSockets};
use crate::websocket::{Backlog, CloseCode, Frame};

pub(super) struct V1 {
    budget: Budget,
    followers: RefCell<HashMap<ConversationId, Vec<Rc<Client>>>>,
}

pub(super) type V1WorkerSockets = WorkerSockets<V1>;

impl V1 {
    pub(super) fn new(budget: Budget) -> Self {
        Self { budget, followers: RefCell::default() }
    }

    pub(super) fn follow(&self, conversation: ConversationId, client: &Rc<Client>) {
        sockets::insert(&mut self.followers.borrow_mut(), conversation, client);
    }

    pub(super) fn unfollow(&self, conversation: ConversationId, client: &Rc<Client>) {
        sockets::remove(&mut self.followers.borrow_mut(), &conversation, client);
    }

    fn for_each_of(&self, conversation: ConversationId, act: impl FnMut(&Rc<Client>)) {
        self.followers.borrow().get(&conversation).into_iter().flatten().for_each(act);
    }
}

impl Protocol for V1 {
    type Client = Client;

    fn deliver(&self, sockets: &V1WorkerSockets, delivery: Delivery) {
        match delivery {
            Delivery::Changes { conversation, to, changes } => {
                let packet = LazyCell::new(|| Rc::new(Packet::new(conversation, to, changes)));
                self.for_each_of(conversation, |client| client.deliver(&packet));
            }
            Delivery::Reset(conversation) => {
                self.for_each_of(conversation, |client| client.reset(conversation));
            }
            Delivery::Ephemeral(event) => {
                let frame = LazyCell::new(|| ServerFrame::from(&*event).encode(&self.budget));
                self.for_each_of(event.conversation, |client| {
                    if client.may_see_ephemeral(&event) {
                        client.send_ephemeral(&frame);
                    }
                });
            }
            Delivery::Inbox(user) => {
                sockets.for_each_of(user, |client| client.request_inbox_refresh());
            }
            Delivery::Presence(_) | Delivery::Recheck(_) => {}
        }
    }

    fn encode_presence(&self, update: &PresenceUpdate) -> Vec<Frame> {
        if update.moves.is_empty() {
            return vec![ServerFrame::online(&update.online).encode(&self.budget)];
        }
        let moved = |(user, online): &(Username, bool)| {
            let username = user.as_str();
            ServerFrame::Presence { username, online: *online }.encode(&self.budget)
        };
        update.moves.iter().map(moved).collect()
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

/// The registration of one client and the conversations that it follows. Ends when dropped.
pub(super) struct ClientRegistration(Registration<V1>);

impl ClientRegistration {
    pub(super) fn new(
        sockets: &Rc<V1WorkerSockets>,
        account: &Account,
        client: Rc<Client>,
    ) -> Self {
        let registration = Registration::new(sockets, account, client);
        registration.connection.watch_inbox();
        Self(registration)
    }

    pub(super) fn services(&self) -> &SocketServices {
        &self.0.sockets.services
    }

    pub(super) fn connection(&self) -> &ConnectionGuard {
        &self.0.connection
    }

    /// Also follows these conversations. Every commit after this returns is delivered.
    pub(super) async fn follow(
        &self,
        conversations: Vec<(ConversationId, Viewer)>,
    ) -> Result<(), BackendError> {
        let ids = conversations.iter().map(|(conversation, _)| *conversation).collect();
        self.0.connection.subscribe_all(ids).await?;
        for (conversation, viewer) in conversations {
            if self.0.client.follow(conversation, viewer) {
                self.0.sockets.protocol.follow(conversation, &self.0.client);
            }
        }
        Ok(())
    }

    pub(super) fn unfollow(&self, conversation: ConversationId) {
        if self.0.client.unfollow(conversation) {
            self.0.sockets.protocol.unfollow(conversation, &self.0.client);
            self.0.connection.unsubscribe(conversation);
        }
    }
}

impl Drop for ClientRegistration {
    fn drop(&mut self) {
        for conversation in self.0.client.followed() {
            self.0.sockets.protocol.unfollow(conversation, &self.0.client);
        }
    }
}
