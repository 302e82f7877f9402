//! The state of one socket that all protocols share.

use std::cell::Cell;
use std::rc::Rc;

use application::ConnectionGuard;
use domain::{Account, UserId};
use tokio::sync::Notify;

use super::heartbeat::Heartbeat;
use super::reader::Reader;
use super::worker::{Protocol, WorkerSockets};
use crate::websocket::{Durability, Frame, Outbox, Pushed};

/// The socket of an authenticated user.
#[derive(Debug)]
pub(crate) struct UserSocket {
    pub(crate) user: UserId,
    pub(crate) outbox: Rc<Outbox>,
    pub(crate) heartbeat: Heartbeat,
    /// Whether the client has the list of online users and gets its changes.
    pub(crate) follows_presence: Cell<bool>,
    /// Whether changes were lost, so that the client needs the whole list.
    pub(crate) omits_presence: Cell<bool>,
    wake: Notify,
    recheck: Notify,
}

impl UserSocket {
    pub(crate) fn new(user: UserId, reader: &Reader) -> Self {
        Self {
            user,
            outbox: Rc::clone(&reader.outbox),
            heartbeat: Heartbeat::new(reader.last_received()),
            follows_presence: Cell::new(false),
            omits_presence: Cell::new(false),
            wake: Notify::new(),
            recheck: Notify::new(),
        }
    }

    /// Wakes the session.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Makes the session check the access of the user again.
    pub(crate) fn request_recheck(&self) {
        self.recheck.notify_one();
    }

    pub(crate) async fn recheck_requested(&self) {
        self.recheck.notified().await;
    }

    /// Sends a change of presence. After the first that does not fit into the queue, all are omitted
    /// until the session sends the whole list.
    pub(super) fn send_presence(&self, frames: &[Frame]) {
        if !self.follows_presence.get() || self.omits_presence.get() {
            return;
        }
        let is_refused = |frame| self.outbox.push(frame, Durability::Ephemeral) == Pushed::Refused;
        if frames.iter().any(is_refused) {
            self.omit_presence();
        }
    }

    /// Requests the whole list, because queued changes of presence may be lost.
    pub(crate) fn omit_presence(&self) {
        self.omits_presence.set(true);
        self.wake();
    }

    /// Returns whether the whole list is due, and sends changes again from now on.
    pub(crate) fn take_omitted_presence(&self) -> bool {
        self.outbox.waiting() == 0 && self.omits_presence.replace(false)
    }
}

/// The registration of a socket with its worker, the hub and presence. Ends when dropped.
pub(crate) struct Registration<P: Protocol> {
    pub(crate) sockets: Rc<WorkerSockets<P>>,
    pub(crate) client: Rc<P::Client>,
    pub(crate) connection: ConnectionGuard,
    slot: usize,
}

impl<P: Protocol> Registration<P> {
    pub(crate) fn new(
        sockets: &Rc<WorkerSockets<P>>,
        account: &Account,
        client: Rc<P::Client>,
    ) -> Self {
        Self {
            connection: sockets.services.connections.open(account),
            slot: sockets.add(Rc::clone(&client)),
            sockets: Rc::clone(sockets),
            client,
        }
    }
}

impl<P: Protocol> Drop for Registration<P> {
    fn drop(&mut self) {
        self.sockets.remove(self.slot, &self.client);
    }
}
