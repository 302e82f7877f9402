//! The clients of one worker, by conversation.

use std::cell::{LazyCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use application::ports::{Delivery, PresenceUpdate};
use domain::ConversationId;
use tokio::time::Instant;

use super::client::Client;
use super::packet::Packet;
use super::server_frame;
use crate::budget::Budget;
use crate::sockets::{self, Protocol, WorkerSockets};
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
                let frame = LazyCell::new(|| server_frame::ephemeral(&event, &self.budget));
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
        server_frame::presence(update, &self.budget)
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
