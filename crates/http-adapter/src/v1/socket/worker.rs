//! The sockets of one worker, by what they are told of.

use std::cell::{Cell, LazyCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use application::ports::Delivery;
use domain::{Change, ConversationId, MsgNo, Seq, UserId};
use tokio::time::Instant;

use super::client::Client;
use super::server_frame;
use super::session::UNAUTHENTICATED;
use crate::budget::Budget;
use crate::compat::SocketServices;
use crate::sockets::{Protocol, Registry};
use crate::websocket::{Backlog, Flusher, Frame};

/// Changes of a conversation, each encoded once for all clients of the worker.
#[derive(Debug)]
pub(super) struct Packet {
    pub(super) conversation: ConversationId,
    pub(super) to: Seq,
    pub(super) changes: Arc<[Change]>,
    frames: RefCell<Vec<Option<Frame>>>,
}

impl Packet {
    fn new(conversation: ConversationId, to: Seq, changes: Arc<[Change]>) -> Self {
        let frames = RefCell::new(vec![None; changes.len()]);
        Self { conversation, to, changes, frames }
    }

    /// The newest message in it, of anybody or of one author.
    pub(super) fn newest(&self, author: Option<UserId>) -> MsgNo {
        let numbers = self.changes.iter().map(|change| match change {
            Change::Message(message) if author.is_none_or(|author| message.author.id == author) => {
                message.msg_no
            }
            _ => MsgNo::ZERO,
        });
        numbers.max().unwrap_or(MsgNo::ZERO)
    }

    /// The frame of a change.
    pub(super) fn frame(&self, index: usize, budget: &Budget) -> Option<Frame> {
        let change = self.changes.get(index)?;
        let mut frames = self.frames.borrow_mut();
        let frame = frames.get_mut(index)?;
        Some(frame.get_or_insert_with(|| server_frame::event(change, budget)).clone())
    }
}

/// The clients of one worker.
pub(super) struct Rooms {
    services: Arc<SocketServices>,
    clients: RefCell<Registry<Rc<Client>>>,
    by_user: RefCell<HashMap<UserId, Vec<Rc<Client>>>>,
    by_conversation: RefCell<HashMap<ConversationId, Vec<Rc<Client>>>>,
    next_check: Cell<Instant>,
    stopped: Cell<bool>,
    flusher: Rc<Flusher>,
}

impl Rooms {
    pub(super) fn new(services: Arc<SocketServices>) -> Self {
        Self {
            services,
            clients: RefCell::default(),
            by_user: RefCell::default(),
            by_conversation: RefCell::default(),
            next_check: Cell::new(Instant::now()),
            stopped: Cell::new(false),
            flusher: Rc::default(),
        }
    }

    pub(super) fn services(&self) -> &Arc<SocketServices> {
        &self.services
    }

    /// Adds a client, under the number returned.
    pub(super) fn add(&self, client: Rc<Client>) -> usize {
        if self.stopped.get() {
            client.outbox.close(Some(1001), Backlog::Flush);
        }
        self.by_user.borrow_mut().entry(client.user).or_default().push(Rc::clone(&client));
        self.clients.borrow_mut().insert(client)
    }

    pub(super) fn remove(&self, number: usize, client: &Rc<Client>) {
        self.clients.borrow_mut().remove(number);
        take_out(&mut self.by_user.borrow_mut(), &client.user, client);
    }

    /// From now on the client is told of a conversation.
    pub(super) fn enter(&self, conversation: ConversationId, client: &Rc<Client>) {
        let mut rooms = self.by_conversation.borrow_mut();
        rooms.entry(conversation).or_default().push(Rc::clone(client));
    }

    pub(super) fn leave(&self, conversation: ConversationId, client: &Rc<Client>) {
        take_out(&mut self.by_conversation.borrow_mut(), &conversation, client);
    }

    fn of_user(&self, user: UserId) -> Vec<Rc<Client>> {
        self.by_user.borrow().get(&user).cloned().unwrap_or_default()
    }

    /// Gives up the longest queues until the process holds no more than it should.
    fn relieve(&self) {
        let soft = self.services.settings.queue_soft_bytes;
        let clients = self.clients.borrow();
        let mut behind: Vec<_> =
            clients.iter().filter(|client| client.outbox.backlog() > soft).collect();
        behind.sort_by_cached_key(|client| std::cmp::Reverse(client.outbox.backlog()));
        for client in behind {
            if !self.services.budget.is_exceeded() {
                return;
            }
            client.outbox.close(Some(1013), Backlog::Discard);
        }
    }
}

fn take_out<K: std::hash::Hash + Eq>(
    map: &mut HashMap<K, Vec<Rc<Client>>>,
    key: &K,
    client: &Rc<Client>,
) {
    if let Some(clients) = map.get_mut(key) {
        clients.retain(|other| !Rc::ptr_eq(other, client));
        if clients.is_empty() {
            map.remove(key);
        }
    }
}

impl Protocol for Rooms {
    fn deliver(&self, delivery: Delivery) {
        match delivery {
            Delivery::Changes { conversation, to, changes } => {
                let rooms = self.by_conversation.borrow();
                let Some(clients) = rooms.get(&conversation) else { return };
                let packet = Rc::new(Packet::new(conversation, to, changes));
                for client in clients {
                    client.take(&packet);
                }
            }
            Delivery::Reset(conversation) => {
                let rooms = self.by_conversation.borrow();
                let clients = rooms.get(&conversation).into_iter().flatten();
                clients.for_each(|client| client.reset(conversation));
            }
            Delivery::Ephemeral(signal) => {
                let rooms = self.by_conversation.borrow();
                let clients = rooms.get(&signal.conversation).into_iter().flatten();
                let frame = LazyCell::new(|| server_frame::signal(&signal, &self.services.budget));
                for client in clients.filter(|client| client.notices(&signal)) {
                    client.take_signal(&frame);
                }
            }
            Delivery::Inbox(user) => self.of_user(user).iter().for_each(|c| c.doubt_inbox()),
            Delivery::Recheck(user) => self.of_user(user).iter().for_each(|c| c.doubt()),
            Delivery::Presence(update) => {
                let clients = self.clients.borrow();
                if clients.len() > 0 {
                    let frames = server_frame::presence(&update, &self.services.budget);
                    clients.iter().for_each(|client| client.take_presence(&frames));
                }
            }
        }
    }

    fn settle(&self) {
        if self.services.budget.is_exceeded() {
            self.relieve();
        }
    }

    fn tick(&self, now: Instant) -> Instant {
        let settings = &self.services.settings;
        if now >= self.next_check.get() {
            for client in self.clients.borrow().iter() {
                if now >= client.expires.get() {
                    client.outbox.close(Some(UNAUTHENTICATED), Backlog::Flush);
                }
                if client.is_unheard() {
                    client.heartbeat.left_unheard();
                }
                client.heartbeat.check(&client.outbox, now, settings.heartbeat());
            }
            self.settle();
            self.next_check.set(now + settings.check_interval());
        }
        self.next_check.get()
    }

    fn sockets(&self) -> usize {
        self.clients.borrow().len()
    }

    fn stop(&self) {
        self.stopped.set(true);
        for client in self.clients.borrow().iter() {
            client.outbox.close(Some(1001), Backlog::Flush);
        }
    }

    fn flusher(&self) -> &Rc<Flusher> {
        &self.flusher
    }
}
