//! One client in the lobby.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use domain::Seq;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::heal::Heal;
use super::packet::Packet;
use super::stamp::Stamp;
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
    /// Whether any client of the worker may need a healing history.
    alarm: Rc<Cell<bool>>,
    greeting: Notify,
    wanted: Cell<Option<Reason>>,
}

impl AsRef<UserSocket> for Client {
    fn as_ref(&self) -> &UserSocket {
        &self.socket
    }
}

impl Client {
    pub(super) fn new(socket: UserSocket, session_ends: Instant, alarm: Rc<Cell<bool>>) -> Self {
        Self {
            socket,
            session_ends: Cell::new(session_ends),
            view: RefCell::new(View::new()),
            heal: RefCell::default(),
            alarm,
            greeting: Notify::new(),
            wanted: Cell::new(None),
        }
    }

    /// Sends or buffers changes, with a ping if one is due. Returns whether the client may need a
    /// healing history.
    pub(super) fn deliver(
        &self,
        packet: &Rc<Packet>,
        frames: &Frames,
        ping: Option<Stamp>,
        now: Instant,
    ) -> bool {
        let outbox = &self.socket.outbox;
        let behind_others = outbox.waiting() > 0;
        let ping = ping.filter(|_| self.heal.borrow().is_ping_due(now));
        let shown = self.view.borrow_mut().deliver(packet, outbox, frames, ping);
        self.note(shown, behind_others, now);
        let mut heal = self.heal.borrow_mut();
        if ping.is_some() && !matches!(shown, Shown::Sent(0)) {
            heal.pinged(now);
        }
        heal.is_waiting()
    }

    fn note(&self, shown: Shown, behind_others: bool, now: Instant) {
        match shown {
            Shown::Sent(count) => self.heal.borrow_mut().sent(count, behind_others, now),
            Shown::Lagging => self.want(Reason::Lagging),
            Shown::Behind => {}
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

    pub(super) fn show(
        &self,
        history: &History,
        frames: &Frames,
        pings: Option<[Stamp; 2]>,
        now: Instant,
    ) -> Shown {
        let shown = self.view.borrow_mut().show(history, &self.socket.outbox, frames, pings);
        if let Shown::Sent(count) = shown {
            self.socket.follows_presence.set(true);
            self.greeting.notify_one();
            // This history also covers every other reason.
            self.wanted.set(None);
            if let Some(pings) = pings {
                let mut heal = self.heal.borrow_mut();
                heal.history_sent(history.head, history.frame.len(), pings, now);
                heal.sent(count, true, now);
            }
        }
        shown
    }

    /// Resumes live events without the healing history, if none is missing.
    pub(super) fn resume(&self, frames: &Frames, now: Instant) -> bool {
        let Some(shown) = self.view.borrow_mut().resume(&self.socket.outbox, frames) else {
            return false;
        };
        self.note(shown, true, now);
        self.heal.borrow_mut().mark_screen_wrong(now);
        true
    }

    /// Sends the list that replaces the omitted presence changes.
    pub(super) fn send_online(&self, online: &Frame) {
        if self.socket.take_omitted_presence() {
            // An empty queue takes any frame.
            let _ = self.socket.outbox.push(online, Durability::Ephemeral);
        }
    }

    /// Records a change by the client's user. The React client ignores what it hears of it.
    pub(super) fn changed_by_user(&self, change: Seq, in_another_tab: bool, now: Instant) {
        self.heal.borrow_mut().changed_by_user(change, in_another_tab, now);
    }

    /// Records that a change by the client's user was refused, which its screen may show.
    pub(super) fn refused(&self) {
        self.heal.borrow_mut().mark_screen_wrong(Instant::now());
        self.alarm.set(true);
    }

    /// Refuses a text that was too long.
    pub(super) fn refuse_text(&self, frames: &Frames) {
        let _may_be_full = self.socket.outbox.push(&frames.refused(), Durability::Ephemeral);
        self.refused();
    }

    pub(super) fn ponged(&self, stamp: Stamp, sent: Instant, now: Instant) {
        self.heal.borrow_mut().pong(stamp, sent, now);
        if self.heal(now) {
            self.alarm.set(true);
        }
    }

    /// Records that the server did not read from the client until now.
    pub(super) fn note_read_pause(&self) {
        self.socket.heartbeat.suspend();
        self.heal.borrow_mut().note_read_pause(Instant::now());
    }

    pub(super) fn pay(&self, bytes: usize, per_second: f64, now: Instant) {
        self.heal.borrow_mut().pay(bytes, per_second, now);
    }

    /// Requests a history if one is due. Returns whether one may become due.
    pub(super) fn heal(&self, now: Instant) -> bool {
        if self.heal.borrow_mut().request(now) {
            self.want(Reason::Heal);
        }
        self.heal.borrow().is_waiting()
    }
}
