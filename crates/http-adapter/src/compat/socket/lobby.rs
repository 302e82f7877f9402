//! The lobby on one worker.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use application::ports::{Delivery, PresenceUpdate, SnapshotLimit};
use domain::{Change, ConversationId, Seq, UserId};
use tokio::time::Instant;

use super::SocketServices;
use super::client::Client;
use super::packet::Packet;
use crate::compat::frames::{Frames, History};
use crate::sockets::{Protocol, Registry};
use crate::websocket::{Backlog, Flusher, Frame};

/// How often it is looked whether somebody is to be healed, while somebody may be.
const HEAL_TICK: Duration = Duration::from_millis(50);
/// How often it is looked at most whether clients are alive.
const CHECK_TICK: Duration = Duration::from_secs(1);
/// Bytes per second that histories may take, when many are healed again and again.
const HEAL_BYTES_PER_SECOND: f64 = 20e6;
const LONGEST_HEAL_GAP: Duration = Duration::from_secs(5);

/// The clients in the lobby of one worker, and what they share.
pub(super) struct Lobby {
    services: Arc<SocketServices>,
    frames: Frames,
    clients: RefCell<Registry<Rc<Client>>>,
    /// The newest list of who is there.
    online: RefCell<Option<Frame>>,
    heals: Cell<bool>,
    heal_gap: Cell<Duration>,
    next_check: Cell<Instant>,
    stopped: Cell<bool>,
    flusher: Rc<Flusher>,
}

impl Lobby {
    pub(super) fn new(services: Arc<SocketServices>) -> Self {
        let frames =
            Frames { offset: services.settings.utc_offset, budget: services.budget.clone() };
        Self {
            services,
            frames,
            clients: RefCell::default(),
            online: RefCell::default(),
            heals: Cell::new(false),
            heal_gap: Cell::new(Duration::ZERO),
            next_check: Cell::new(Instant::now()),
            stopped: Cell::new(false),
            flusher: Rc::default(),
        }
    }

    pub(super) fn services(&self) -> &SocketServices {
        &self.services
    }

    pub(super) fn frames(&self) -> &Frames {
        &self.frames
    }

    /// Adds a client, under the number returned.
    pub(super) fn add(&self, client: Rc<Client>) -> usize {
        if self.stopped.get() {
            client.outbox.close(Some(1001), Backlog::Flush);
        }
        self.clients.borrow_mut().insert(client)
    }

    pub(super) fn remove(&self, number: usize) {
        self.clients.borrow_mut().remove(number);
    }

    /// The newest list of who is there.
    pub(super) fn online(&self) -> Frame {
        let known = self.online.borrow().clone();
        known.unwrap_or_else(|| self.frames.online(&self.services.presence.online()))
    }

    /// How much of the history is to be read for a client that shows `rows`.
    pub(super) fn history_limit(&self, rows: usize) -> SnapshotLimit {
        let SnapshotLimit { rows: least, bytes } = self.services.settings.history;
        let sizes = [1, 2, 4].map(|times| least.saturating_mul(times));
        let [.., most] = sizes;
        let rows = sizes.into_iter().find(|size| *size >= rows).unwrap_or(most);
        SnapshotLimit { rows, bytes }
    }

    /// A history goes out to somebody: how often may it go to everybody?
    pub(super) fn note_history(&self, history: &History) {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let bytes = history.frame.len().saturating_mul(self.sockets()) as f64;
        let gap = Duration::try_from_secs_f64(bytes / HEAL_BYTES_PER_SECOND);
        self.heal_gap.set(gap.unwrap_or(LONGEST_HEAL_GAP).min(LONGEST_HEAL_GAP));
        // Frames that follow it closely arm the healing, and did not come through here.
        self.heals.set(self.services.settings.heal);
    }

    fn take_changes(&self, to: Seq, changes: &[Change]) {
        let now = Instant::now();
        let packet = Rc::new(Packet::new(to, changes));
        let shut_out: Vec<UserId> = changes.iter().filter_map(shut_out).collect();
        let clients = self.clients.borrow();
        let mut is_armed = self.heals.get();
        for client in clients.iter() {
            // Who is shut out hears nothing that comes after it.
            if shut_out.contains(&client.user) {
                client.outbox.close(Some(4003), Backlog::Discard);
            }
            is_armed |= client.take(&packet, &self.frames, now);
        }
        if self.services.settings.heal {
            for client in clients.iter().filter(|m| packet.altered_by.contains(&m.user)) {
                if self.has_other_tabs(&packet, client.user) {
                    client.changed_elsewhere(now);
                    is_armed = true;
                }
            }
            self.heals.set(is_armed);
        }
    }

    fn has_other_tabs(&self, packet: &Packet, user: UserId) -> bool {
        let name = packet.author(user);
        name.is_some_and(|name| self.services.presence.connections(name) > 1)
    }

    fn take_presence(&self, update: &PresenceUpdate) {
        let online = self.frames.online(&update.online);
        let moves = update.moves.iter().map(|(user, came)| self.frames.moved(user, *came));
        let frames: Vec<Frame> = moves.chain([online.clone()]).collect();
        *self.online.borrow_mut() = Some(online);
        for client in self.clients.borrow().iter() {
            client.take_presence(&frames);
        }
    }

    fn doubt(&self, user: UserId) {
        for client in self.clients.borrow().iter().filter(|client| client.user == user) {
            client.doubt();
        }
    }

    /// Gives up the longest queues until the process holds no more than it
    /// should; those within their own limit are not what fills it.
    fn relieve(&self) {
        let soft = self.services.settings.queue_soft_bytes;
        let clients = self.clients.borrow();
        let mut behind: Vec<_> =
            clients.iter().filter(|client| client.outbox.backlog() > soft).collect();
        behind.sort_by_cached_key(|client| Reverse(client.outbox.backlog()));
        for client in behind {
            if !self.services.budget.is_exceeded() {
                return;
            }
            client.collapse();
        }
    }

    fn heal(&self, now: Instant) {
        let mut is_armed = false;
        for client in self.clients.borrow().iter() {
            client.heal(now, self.heal_gap.get());
            is_armed |= client.is_armed();
        }
        self.heals.set(is_armed);
    }

    fn check(&self, now: Instant) {
        for client in self.clients.borrow().iter() {
            client.check(now, &self.services.settings);
        }
        self.settle();
    }
}

fn shut_out(change: &Change) -> Option<UserId> {
    match change {
        Change::Member(member) if !member.is_active() => Some(member.user),
        Change::Member(_) | Change::Message(_) | Change::Conversation(_) => None,
    }
}

impl Protocol for Lobby {
    fn deliver(&self, delivery: Delivery) {
        match delivery {
            Delivery::Changes { conversation: ConversationId::LOBBY, to, changes } => {
                self.take_changes(to, &changes);
            }
            Delivery::Reset(ConversationId::LOBBY) => {
                for client in self.clients.borrow().iter() {
                    client.reset();
                }
            }
            Delivery::Changes { .. }
            | Delivery::Reset(_)
            | Delivery::Inbox(_)
            | Delivery::Ephemeral(_) => {}
            Delivery::Presence(update) => self.take_presence(&update),
            Delivery::Recheck(user) => self.doubt(user),
        }
    }

    fn settle(&self) {
        if self.services.budget.is_exceeded() {
            self.relieve();
        }
    }

    fn tick(&self, now: Instant) -> Instant {
        if self.heals.get() {
            self.heal(now);
        }
        if now >= self.next_check.get() {
            self.check(now);
            self.next_check.set(now + self.services.settings.check_interval());
        }
        let next_heal = now + if self.heals.get() { HEAL_TICK } else { CHECK_TICK };
        next_heal.min(self.next_check.get())
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
