//! One client in the lobby.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::heal::Heal;
use super::packet::Packet;
use super::view::{Shown, View};
use crate::compat::frames::{Frames, History};
use crate::sockets::UserSocket;
use crate::websocket::{Durability, Frame};

/// Why a history is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    /// Rows may be missing on the screen.
    Heal,
    /// The client was too slow for single events.
    Lagging,
    /// What the client was sent may be wrong.
    Reset,
}

/// One client in the lobby. The delivery loop sends events to it, and its session reads
/// histories for it.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) socket: UserSocket,
    view: RefCell<View>,
    heal: RefCell<Heal>,
    greeting: Notify,
    wanted: Cell<Option<Reason>>,
}

impl AsRef<UserSocket> for Client {
    fn as_ref(&self) -> &UserSocket {
        &self.socket
    }
}

impl Client {
    pub(super) fn new(socket: UserSocket) -> Self {
        Self {
            socket,
            view: RefCell::new(View::new()),
            heal: RefCell::default(),
            greeting: Notify::new(),
            wanted: Cell::new(None),
        }
    }

    /// Sends changes, or keeps them for later. Returns whether the client may have to be healed.
    pub(super) fn deliver(&self, packet: &Rc<Packet>, frames: &Frames, now: Instant) -> bool {
        let behind_others = self.socket.outbox.waiting() > 0;
        let shown = self.view.borrow_mut().deliver(packet, &self.socket.outbox, frames);
        self.note(shown, behind_others, now);
        self.is_armed()
    }

    fn note(&self, shown: Shown, behind_others: bool, now: Instant) {
        match shown {
            Shown::Sent(count) => self.heal.borrow_mut().sent(count, behind_others, now),
            Shown::Lagging => self.want(Reason::Lagging),
            Shown::Outdated => {}
        }
    }

    /// Has the session send a history.
    fn want(&self, reason: Reason) {
        self.wanted.set(self.wanted.get().max(Some(reason)));
        self.socket.wake();
    }

    pub(super) fn reset(&self) {
        self.view.borrow_mut().reset();
        self.want(Reason::Reset);
    }

    /// Drops the queue, for a history that comes in its place.
    pub(super) fn collapse(&self) {
        self.view.borrow_mut().unsubscribe();
        self.socket.outbox.clear();
        self.socket.omit_presence();
        self.want(Reason::Lagging);
    }

    /// Waits until the first history is queued.
    pub(super) async fn greeted(&self) {
        while !self.socket.follows_presence() {
            self.greeting.notified().await;
        }
    }

    /// Waits until a history is wanted; `None` if it is the list of who is online.
    pub(super) async fn wanted(&self) -> Option<Reason> {
        loop {
            if let Some(reason) = self.wanted.take() {
                return Some(reason);
            }
            if self.socket.omits_presence() {
                return None;
            }
            self.socket.woken().await;
        }
    }

    /// Whether a reset came while a history was read.
    pub(super) fn take_reset(&self) -> bool {
        let is_reset = self.wanted.get() == Some(Reason::Reset);
        if is_reset {
            self.wanted.set(None);
        }
        is_reset
    }

    pub(super) fn is_unsubscribed(&self) -> bool {
        self.view.borrow().is_unsubscribed()
    }

    pub(super) fn catch_up(&self) {
        self.view.borrow_mut().catch_up();
    }

    pub(super) fn rows(&self) -> usize {
        self.view.borrow().rows()
    }

    pub(super) fn show(&self, history: &History, frames: &Frames, now: Instant) -> Shown {
        let shown = self.view.borrow_mut().show(history, &self.socket.outbox, frames);
        if let Shown::Sent(count) = shown {
            self.socket.follow_presence();
            self.greeting.notify_one();
            // This history serves every other reason, too.
            self.wanted.set(None);
            self.heal.borrow_mut().history_sent(now);
            self.heal.borrow_mut().sent(count, true, now);
        }
        shown
    }

    /// Goes on without the history that was to heal the client, if nothing is missing.
    pub(super) fn resume(&self, frames: &Frames, now: Instant) -> bool {
        let Some(shown) = self.view.borrow_mut().resume(&self.socket.outbox, frames) else {
            return false;
        };
        self.note(shown, true, now);
        self.heal.borrow_mut().arm(now);
        true
    }

    /// Sends the list that stands for the changes of presence that were left out.
    pub(super) fn send_online(&self, online: &Frame) {
        if self.socket.take_omitted_presence() {
            // Its queue is empty, and takes any frame.
            let _ = self.socket.outbox.push(online, Durability::Ephemeral);
        }
    }

    /// The user changed a message, perhaps in another tab: the client ignores that event.
    pub(super) fn changed_by_user(&self, now: Instant) {
        self.heal.borrow_mut().arm(now);
    }

    pub(super) fn is_armed(&self) -> bool {
        self.heal.borrow().is_armed()
    }

    /// Asks for a history if one is due.
    pub(super) fn heal(&self, now: Instant, gap: Duration) {
        let mut heal = self.heal.borrow_mut();
        if heal.is_due(now, gap) {
            // Not due again before this history has gone out.
            heal.history_sent(now);
            self.want(Reason::Heal);
        }
    }
}
