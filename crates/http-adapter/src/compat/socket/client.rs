//! One client in the lobby.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use domain::UserId;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::SocketSettings;
use super::heal::Heal;
use super::packet::Packet;
use super::view::{Shown, View};
use crate::compat::frames::{Frames, History};
use crate::sockets::Heartbeat;
use crate::websocket::{Durability, Frame, Outbox, Pushed};

/// Why a history is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    /// Rows may be missing on the screen.
    Heal,
    /// The client was too slow for the steps.
    Lost,
    /// What it was told may be wrong.
    Reset,
}

/// One client in the lobby, as its worker sees it: the delivery_loop tells it what
/// happens, and its own task reads histories for it.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) user: UserId,
    pub(super) outbox: Rc<Outbox>,
    view: RefCell<View>,
    heal: RefCell<Heal>,
    /// It has got its first history.
    greeted: Cell<bool>,
    greeting: Notify,
    /// A list of who is there was left out.
    online_missed: Cell<bool>,
    wanted: Cell<Option<Reason>>,
    news: Notify,
    doubt: Notify,
    heartbeat: Heartbeat,
}

impl Client {
    pub(super) fn new(user: UserId, outbox: Rc<Outbox>, heard: Rc<Cell<Instant>>) -> Self {
        Self {
            user,
            outbox,
            view: RefCell::new(View::new()),
            heal: RefCell::default(),
            greeted: Cell::new(false),
            greeting: Notify::new(),
            online_missed: Cell::new(false),
            wanted: Cell::new(None),
            news: Notify::new(),
            doubt: Notify::new(),
            heartbeat: Heartbeat::new(heard),
        }
    }

    /// The lobby went on; whether it is to be healed.
    pub(super) fn take(&self, packet: &Rc<Packet>, frames: &Frames, now: Instant) -> bool {
        let behind_others = self.outbox.waiting() > 0;
        let shown = self.view.borrow_mut().take(packet, &self.outbox, frames);
        self.note(shown, behind_others, now);
        self.is_armed()
    }

    fn note(&self, shown: Shown, behind_others: bool, now: Instant) {
        match shown {
            Shown::Told(count) => self.heal.borrow_mut().told(count, behind_others, now),
            Shown::Lost => self.want(Reason::Lost),
            Shown::TooOld => {}
        }
    }

    /// Somebody came or went.
    pub(super) fn take_presence(&self, presence: &[Frame]) {
        if !self.greeted.get() {
            return;
        }
        for frame in presence {
            if self.outbox.push(frame, Durability::Ephemeral) == Pushed::Refused {
                // The list says all that the others would have said.
                self.online_missed.set(true);
                self.news.notify_one();
                return;
            }
        }
        self.online_missed.set(false);
    }

    /// A history is to be read for it.
    pub(super) fn want(&self, reason: Reason) {
        self.wanted.set(self.wanted.get().max(Some(reason)));
        self.news.notify_one();
    }

    /// What it knows may be wrong.
    pub(super) fn reset(&self) {
        self.view.borrow_mut().reset();
        self.want(Reason::Reset);
    }

    /// Gives up what waits for it, for a history.
    pub(super) fn collapse(&self) {
        self.view.borrow_mut().lose();
        self.outbox.clear();
        self.online_missed.set(true);
        self.want(Reason::Lost);
    }

    /// It cannot say anything while it is not heard, and so is not silent.
    pub(super) fn left_unheard(&self) {
        self.heartbeat.left_unheard();
    }

    /// Waits until it has got its first history.
    pub(super) async fn greeted(&self) {
        while !self.greeted.get() {
            self.greeting.notified().await;
        }
    }

    /// Its rights may have ended.
    pub(super) fn doubt(&self) {
        self.doubt.notify_one();
    }

    pub(super) async fn doubted(&self) {
        self.doubt.notified().await;
    }

    /// Waits until a history is wanted, or a list.
    pub(super) async fn news(&self) -> Option<Reason> {
        loop {
            if let Some(reason) = self.wanted.take() {
                return Some(reason);
            }
            if self.online_missed.get() {
                return None;
            }
            self.news.notified().await;
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

    pub(super) fn is_lost(&self) -> bool {
        self.view.borrow().is_lost()
    }

    pub(super) fn hold(&self) {
        self.view.borrow_mut().hold();
    }

    pub(super) fn rows(&self) -> usize {
        self.view.borrow().rows()
    }

    /// Shows a history; whether that was all.
    pub(super) fn show(&self, history: &History, frames: &Frames, now: Instant) -> Shown {
        let shown = self.view.borrow_mut().show(history, &self.outbox, frames);
        if let Shown::Told(count) = shown {
            self.greeted.set(true);
            self.greeting.notify_one();
            // Whatever else asked for a history has got it.
            self.wanted.set(None);
            self.heal.borrow_mut().healed(now);
            self.heal.borrow_mut().told(count, true, now);
        }
        shown
    }

    /// Goes on without the history that was to heal it, if nothing is missing.
    pub(super) fn release(&self, frames: &Frames, now: Instant) -> bool {
        let Some(shown) = self.view.borrow_mut().release(&self.outbox, frames) else {
            return false;
        };
        self.note(shown, true, now);
        self.heal.borrow_mut().changed_elsewhere(now);
        true
    }

    /// Sends the list that was left out.
    pub(super) fn show_online(&self, online: &Frame) {
        if self.outbox.push(online, Durability::Ephemeral) != Pushed::Refused {
            self.online_missed.set(false);
        }
    }

    /// The user changed a message, perhaps in another tab.
    pub(super) fn changed_elsewhere(&self, now: Instant) {
        self.heal.borrow_mut().changed_elsewhere(now);
    }

    pub(super) fn is_armed(&self) -> bool {
        self.heal.borrow().is_armed()
    }

    /// Asks for a history if one is due.
    pub(super) fn heal(&self, now: Instant, gap: std::time::Duration) {
        let mut heal = self.heal.borrow_mut();
        if heal.is_due(now, gap) {
            // Not again before this one has gone out.
            heal.healed(now);
            self.want(Reason::Heal);
        }
    }

    /// Pings a silent client, and gives up one that does not answer or read.
    pub(super) fn check(&self, now: Instant, settings: &SocketSettings) {
        self.heartbeat.check(&self.outbox, now, settings.heartbeat());
    }
}
