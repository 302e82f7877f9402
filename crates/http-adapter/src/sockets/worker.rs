//! The sockets of one protocol on one worker.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::Hash;
use std::rc::Rc;
use std::sync::Arc;

use application::ports::{Delivery, PresenceUpdate};
use domain::UserId;
use slab::Slab;
use tokio::time::Instant;

use super::delivery_loop::Recipients;
use super::user_socket::UserSocket;
use super::{SocketServices, SocketTimeouts};
use crate::websocket::{Backlog, CloseCode, Flusher, Frame};

/// The frames and commands of one protocol. All methods run on the worker and must not block.
pub(crate) trait Protocol: Sized + 'static {
    type Client: AsRef<UserSocket> + 'static;

    /// Sends a delivery to the clients that it concerns. The worker itself handles presence and
    /// rechecks.
    fn deliver(&self, sockets: &WorkerSockets<Self>, delivery: Delivery);

    fn encode_presence(&self, update: &PresenceUpdate) -> Vec<Frame>;

    /// The frames for a client that may not see all of an update.
    fn presence_for(&self, _client: &Self::Client, _update: &PresenceUpdate) -> Option<Vec<Frame>> {
        None
    }

    /// Frees the queue of a slow client while the budget is exceeded.
    fn shed(&self, client: &Self::Client);

    /// In place of those of the settings.
    fn timeouts(&self) -> Option<SocketTimeouts> {
        None
    }

    /// Called for each client at the check interval, before its heartbeat is checked.
    fn check(&self, _client: &Self::Client, _now: Instant) {}

    /// Runs periodic work. Returns the time of the next call, if it must precede the next check.
    fn tick(&self, _sockets: &WorkerSockets<Self>, _now: Instant) -> Option<Instant> {
        None
    }
}

/// The sockets of one protocol on one worker.
pub(crate) struct WorkerSockets<P: Protocol> {
    pub(crate) services: Arc<SocketServices>,
    pub(crate) protocol: P,
    clients: RefCell<Slab<Rc<P::Client>>>,
    pub(crate) by_user: ClientsBy<UserId, P::Client>,
    pub(super) flusher: Rc<Flusher>,
    next_check: Cell<Instant>,
    is_stopped: Cell<bool>,
}

impl<P: Protocol> WorkerSockets<P> {
    pub(super) fn new(services: Arc<SocketServices>, protocol: P) -> Self {
        Self {
            services,
            protocol,
            clients: RefCell::default(),
            by_user: ClientsBy::default(),
            flusher: Rc::default(),
            next_check: Cell::new(Instant::now()),
            is_stopped: Cell::new(false),
        }
    }

    /// Adds a client, and returns its slot.
    pub(super) fn add(&self, client: Rc<P::Client>) -> usize {
        if self.is_stopped.get() {
            outbox_of(&client).close(CloseCode::GoingAway, Backlog::Flush);
        }
        self.by_user.insert((*client).as_ref().user, &client);
        self.clients.borrow_mut().insert(client)
    }

    pub(super) fn remove(&self, slot: usize, client: &Rc<P::Client>) {
        self.clients.borrow_mut().try_remove(slot);
        self.by_user.remove(&(**client).as_ref().user, client);
    }

    pub(crate) fn count(&self) -> usize {
        self.clients.borrow().len()
    }

    pub(crate) fn for_each(&self, act: impl FnMut(&Rc<P::Client>)) {
        self.clients.borrow().iter().map(|(_, client)| client).for_each(act);
    }

    /// Frees the longest queues until the budget is no longer exceeded. Queues within their soft
    /// limit are spared.
    fn shed(&self) {
        let soft = self.services.settings.queue_soft_bytes;
        let clients = self.clients.borrow();
        let mut behind: Vec<_> = clients
            .iter()
            .map(|(_, client)| client)
            .filter(|client| outbox_of(client).backlog() > soft)
            .collect();
        behind.sort_by_cached_key(|client| Reverse(outbox_of(client).backlog()));
        for client in behind {
            if !self.services.budget.is_exceeded() {
                return;
            }
            self.protocol.shed(client);
        }
    }

    fn check(&self, now: Instant) {
        let (interval, timeouts) = (self.services.settings.ping_interval, self.timeouts());
        self.for_each(|client| {
            self.protocol.check(client, now);
            let socket: &UserSocket = (**client).as_ref();
            socket.heartbeat.check(&socket.outbox, now, interval, timeouts);
        });
        self.settle();
    }

    fn timeouts(&self) -> SocketTimeouts {
        self.protocol.timeouts().unwrap_or(self.services.settings.timeouts)
    }
}

fn outbox_of<C: AsRef<UserSocket>>(client: &Rc<C>) -> &crate::websocket::Outbox {
    &(**client).as_ref().outbox
}

/// Clients by a key, such as their user.
pub(crate) struct ClientsBy<K, C>(RefCell<HashMap<K, Vec<Rc<C>>>>);

impl<K, C> Default for ClientsBy<K, C> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<K: Hash + Eq, C> ClientsBy<K, C> {
    pub(crate) fn insert(&self, key: K, client: &Rc<C>) {
        self.0.borrow_mut().entry(key).or_default().push(Rc::clone(client));
    }

    pub(crate) fn remove(&self, key: &K, client: &Rc<C>) {
        let mut clients = self.0.borrow_mut();
        if let Some(all) = clients.get_mut(key) {
            all.retain(|other| !Rc::ptr_eq(other, client));
            if all.is_empty() {
                clients.remove(key);
            }
        }
    }

    pub(crate) fn for_each_of(&self, key: &K, act: impl FnMut(&Rc<C>)) {
        self.0.borrow().get(key).into_iter().flatten().for_each(act);
    }
}

impl<P: Protocol> Recipients for WorkerSockets<P> {
    fn deliver(&self, delivery: Delivery) {
        match delivery {
            Delivery::Recheck(user) => {
                self.by_user.for_each_of(&user, |client| (**client).as_ref().request_recheck());
            }
            Delivery::Presence(update) => {
                let frames = self.protocol.encode_presence(&update);
                self.for_each(|client| {
                    let own = self.protocol.presence_for(client, &update);
                    (**client).as_ref().send_presence(own.as_deref().unwrap_or(&frames));
                });
            }
            delivery => self.protocol.deliver(self, delivery),
        }
    }

    fn settle(&self) {
        if self.services.budget.is_exceeded() {
            self.shed();
        }
    }

    fn tick(&self, now: Instant) -> Instant {
        let next = self.protocol.tick(self, now);
        if now >= self.next_check.get() {
            self.check(now);
            self.next_check.set(now + self.services.settings.check_interval(self.timeouts()));
        }
        let check = self.next_check.get();
        next.map_or(check, |next| next.min(check))
    }

    fn count(&self) -> usize {
        Self::count(self)
    }

    fn stop(&self) {
        self.is_stopped.set(true);
        self.for_each(|client| outbox_of(client).close(CloseCode::GoingAway, Backlog::Flush));
    }
}
