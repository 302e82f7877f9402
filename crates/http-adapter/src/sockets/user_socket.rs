//! The state of one socket that all protocols have in common.

use std::cell::Cell;
use std::rc::Rc;

use application::ConnectionGuard;
use domain::{Account, UserId};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::heartbeat::Heartbeat;
use super::worker::{Protocol, WorkerSockets};
use crate::websocket::{Durability, Frame, Outbox, Pushed};

/// The socket of a signed-in user, as its worker sees it.
#[derive(Debug)]
pub(crate) struct UserSocket {
    pub(crate) user: UserId,
    pub(crate) outbox: Rc<Outbox>,
    pub(crate) heartbeat: Heartbeat,
    /// The client has been sent who is online, and follows that from then on.
    follows_presence: Cell<bool>,
    omits_presence: Cell<bool>,
    wake: Notify,
    recheck: Notify,
}

impl UserSocket {
    pub(crate) fn new(user: UserId, outbox: Rc<Outbox>, last_received: Rc<Cell<Instant>>) -> Self {
        Self {
            user,
            outbox,
            heartbeat: Heartbeat::new(last_received),
            follows_presence: Cell::new(false),
            omits_presence: Cell::new(false),
            wake: Notify::new(),
            recheck: Notify::new(),
        }
    }

    /// Wakes the session for work that was left to it.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Has the session check again whether the user may be here.
    pub(super) fn request_recheck(&self) {
        self.recheck.notify_one();
    }

    pub(crate) async fn recheck_requested(&self) {
        self.recheck.notified().await;
    }

    pub(crate) fn follow_presence(&self) {
        self.follows_presence.set(true);
    }

    pub(crate) fn follows_presence(&self) -> bool {
        self.follows_presence.get()
    }

    /// Sends a change of presence. From the first that has no room on, all are left out,
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

    /// What was sent or is queued about presence does not count: the list has to follow.
    pub(crate) fn omit_presence(&self) {
        self.omits_presence.set(true);
        self.wake();
    }

    pub(crate) fn omits_presence(&self) -> bool {
        self.omits_presence.get()
    }

    /// Whether the list has to be sent now; from now on changes are sent again.
    pub(crate) fn take_omitted_presence(&self) -> bool {
        self.outbox.waiting() == 0 && self.omits_presence.replace(false)
    }
}

/// The registration of a socket with its worker, the hub and presence, until it is dropped.
pub(crate) struct Registration<P: Protocol> {
    pub(crate) sockets: Rc<WorkerSockets<P>>,
    pub(crate) client: Rc<P::Client>,
    pub(crate) connection: ConnectionGuard,
    user: UserId,
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
            slot: sockets.add(account.id, Rc::clone(&client)),
            sockets: Rc::clone(sockets),
            client,
            user: account.id,
        }
    }
}

impl<P: Protocol> Drop for Registration<P> {
    fn drop(&mut self) {
        self.sockets.remove(self.slot, self.user, &self.client);
    }
}
