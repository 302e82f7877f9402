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

/// Why the session must send a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    /// Rows may be missing on the screen.
    Heal,
    /// The client was too slow for single events.
    Lagging,
    /// Earlier frames may be wrong.
    Reset,
}

/// One client in the lobby. The delivery loop sends events to it, and its session reads
/// histories for it.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) socket: UserSocket,
    /// When the session expires unless it is used.
    pub(super) session_ends: Cell<Instant>,
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
    pub(super) fn new(socket: UserSocket, session_ends: Instant) -> Self {
        Self {
            socket,
            session_ends: Cell::new(session_ends),
            view: RefCell::new(View::new()),
            heal: RefCell::default(),
            greeting: Notify::new(),
            wanted: Cell::new(None),
        }
    }

    /// Sends or buffers changes. Returns whether the client may need a healing history.
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

    /// Wakes the session to send a history.
    fn want(&self, reason: Reason) {
        self.wanted.set(self.wanted.get().max(Some(reason)));
        self.socket.wake();
    }

    pub(super) fn reset(&self) {
        self.view.borrow_mut().reset();
        self.want(Reason::Reset);
    }

    /// Replaces the queue with a history.
    pub(super) fn collapse(&self) {
        self.view.borrow_mut().subscription.unsubscribe();
        self.socket.outbox.clear();
        self.socket.omit_presence();
        self.want(Reason::Lagging);
    }

    /// Waits until the first history is queued.
    pub(super) async fn greeted(&self) {
        while !self.socket.follows_presence.get() {
            self.greeting.notified().await;
        }
    }

    /// Waits until a history is needed. `None` means the list of online users.
    pub(super) async fn wanted(&self) -> Option<Reason> {
        loop {
            if let Some(reason) = self.wanted.take() {
                return Some(reason);
            }
            if self.socket.omits_presence.get() {
                return None;
            }
            self.socket.woken().await;
        }
    }

    /// Returns whether a reset came while a history was read, and clears it.
    pub(super) fn take_reset(&self) -> bool {
        let is_reset = self.wanted.get() == Some(Reason::Reset);
        if is_reset {
            self.wanted.set(None);
        }
        is_reset
    }

    /// Buffers deliveries until the next history. Returns the rows that it must contain.
    pub(super) fn catch_up(&self) -> usize {
        let mut view = self.view.borrow_mut();
        view.catch_up();
        view.rows
    }

    pub(super) fn is_unsubscribed(&self) -> bool {
        self.view.borrow().is_unsubscribed()
    }

    pub(super) fn show(&self, history: &History, frames: &Frames, now: Instant) -> Shown {
        let shown = self.view.borrow_mut().show(history, &self.socket.outbox, frames);
        if let Shown::Sent(count) = shown {
            self.socket.follows_presence.set(true);
            self.greeting.notify_one();
            // This history also covers every other reason.
            self.wanted.set(None);
            self.heal.borrow_mut().history_sent(now);
            self.heal.borrow_mut().sent(count, true, now);
        }
        shown
    }

    /// Resumes live events without the healing history, if none is missing.
    pub(super) fn resume(&self, frames: &Frames, now: Instant) -> bool {
        let Some(shown) = self.view.borrow_mut().resume(&self.socket.outbox, frames) else {
            return false;
        };
        self.note(shown, true, now);
        self.heal.borrow_mut().arm(now);
        true
    }

    /// Sends the list that replaces the omitted presence changes.
    pub(super) fn send_online(&self, online: &Frame) {
        if self.socket.take_omitted_presence() {
            // An empty queue takes any frame.
            let _ = self.socket.outbox.push(online, Durability::Ephemeral);
        }
    }

    /// Arms healing, because the React client ignores changes that its own user made in another tab.
    pub(super) fn changed_by_user(&self, now: Instant) {
        self.heal.borrow_mut().arm(now);
    }

    pub(super) fn is_armed(&self) -> bool {
        self.heal.borrow().is_armed()
    }

    /// Requests a history if one is due.
    pub(super) fn heal(&self, now: Instant, gap: Duration) {
        let mut heal = self.heal.borrow_mut();
        if heal.is_due(now, gap) {
            // Prevents a second request before this history is sent.
            heal.history_sent(now);
            self.want(Reason::Heal);
        }
    }
}
