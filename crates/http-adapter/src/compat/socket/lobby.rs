//! The lobby on one worker.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use application::Snapshots;
use application::ports::{Delivery, PresenceUpdate, SnapshotLimit};
use domain::{Change, ConversationId, EphemeralEvent, EphemeralKind, Seq, UserId};
use tokio::time::Instant;

use super::client::Client;
use super::packet::Packet;
use super::stamp::Stamps;
use super::view::Shown;
use crate::budget::Budget;
use crate::compat::frames::{Frames, History};
use crate::sockets::{Protocol, SocketTimeouts, WorkerSockets};
use crate::state::CompatSettings;
use crate::websocket::{Backlog, CloseCode, Frame};

/// The interval of checks for due histories while any client is armed.
const HEAL_TICK: Duration = Duration::from_millis(50);
/// The bytes of histories per second, if every client of the worker needs healing all the time.
const HISTORY_BYTES: f64 = 20e6;
/// The most of these for one client.
const CLIENT_HISTORY_BYTES: f64 = 256e3;
/// Longer histories than the usual are longer by so many parts of it, so that clients share reads.
const LIMIT_PARTS: usize = 4;
/// The longest history, in usual ones.
const MAX_LIMIT: usize = 4;

/// The state that the lobby's clients on one worker share.
pub(super) struct Lobby {
    pub(super) settings: CompatSettings,
    pub(super) histories: Arc<Snapshots<History>>,
    pub(super) frames: Frames,
    /// The newest list of online users.
    online: RefCell<Option<Frame>>,
    stamps: Stamps,
    /// Whether any client may need a healing history.
    pub(super) alarm: Rc<Cell<bool>>,
}

pub(super) type LobbySockets = WorkerSockets<Lobby>;

impl Lobby {
    pub(super) fn new(
        histories: Arc<Snapshots<History>>,
        settings: CompatSettings,
        budget: Budget,
    ) -> Self {
        Self {
            settings,
            histories,
            frames: Frames { offset: settings.utc_offset, budget },
            online: RefCell::default(),
            stamps: Stamps::new(),
            alarm: Rc::default(),
        }
    }

    pub(super) fn online(&self, sockets: &LobbySockets) -> Frame {
        let newest = self.online.borrow().clone();
        newest.unwrap_or_else(|| self.frames.online(&sockets.services.presence.online()))
    }

    /// Bounds the history for a client that shows `rows` rows.
    pub(super) fn history_limit(&self, rows: usize) -> SnapshotLimit {
        let SnapshotLimit { rows: least, bytes } = self.settings.history;
        let part = least.div_ceil(LIMIT_PARTS).max(1);
        let shown = rows.div_ceil(part).saturating_mul(part);
        let most = least.saturating_mul(MAX_LIMIT);
        SnapshotLimit { rows: shown.clamp(least, most), bytes }
    }

    /// Sends a history to one of `clients`.
    pub(super) fn show(&self, client: &Client, history: &History, clients: usize) -> Shown {
        let now = Instant::now();
        let ping = || self.stamps.next(now);
        let pings = self.settings.heal.then(|| [ping(), ping()]);
        let shown = client.show(history, &self.frames, pings, now);
        if matches!(shown, Shown::Sent(_)) {
            #[expect(clippy::cast_precision_loss, reason = "an estimate")]
            let share = HISTORY_BYTES / clients.max(1) as f64;
            client.pay(history.frame.len(), share.min(CLIENT_HISTORY_BYTES), now);
            // Frames right after the history may have armed the client.
            self.alarm.set(self.settings.heal);
        }
        shown
    }

    /// Records a pong to a ping behind frames.
    pub(super) fn ponged(&self, client: &Client, payload: &[u8], now: Instant) {
        if let Some((stamp, sent)) = self.stamps.read(payload) {
            client.ponged(stamp, sent, now);
        }
    }

    fn deliver_changes(&self, sockets: &LobbySockets, to: Seq, changes: &[Change]) {
        let now = Instant::now();
        let packet = Rc::new(Packet::new(to, changes));
        let ping = self.settings.heal.then(|| self.stamps.next(now));
        let excluded: Vec<UserId> = changes.iter().filter_map(excluded).collect();
        let mut is_armed = self.alarm.get();
        sockets.for_each(|client| {
            // Closing first keeps later changes from excluded users.
            if excluded.contains(&client.socket.user) {
                client.socket.outbox.close(CloseCode::NoAccess, Backlog::Discard);
            }
            is_armed |= client.deliver(&packet, &self.frames, ping, now);
        });
        if !self.settings.heal {
            return;
        }
        for user in &packet.changed_authors {
            let in_another_tab = packet
                .author(*user)
                .is_some_and(|name| sockets.services.presence.connections(name) > 1);
            sockets.by_user.for_each_of(user, |client| {
                client.changed_by_user(to, in_another_tab, now);
                is_armed = true;
            });
        }
        self.alarm.set(is_armed);
    }

    /// The React client knows neither typing nor receipts.
    fn deliver_ephemeral(&self, sockets: &LobbySockets, event: &EphemeralEvent) {
        if self.settings.heal && is_refused_in_lobby(event) {
            sockets.by_user.for_each_of(&event.user, |client| client.refused());
        }
    }
}

fn is_refused_in_lobby(event: &EphemeralEvent) -> bool {
    event.kind == EphemeralKind::ChangeRefused && event.conversation == ConversationId::LOBBY
}

fn excluded(change: &Change) -> Option<UserId> {
    match change {
        Change::Member(member) if !member.is_active() => Some(member.user),
        Change::Member(_) | Change::Message(_) | Change::Conversation(_) => None,
    }
}

impl Protocol for Lobby {
    type Client = Client;

    fn deliver(&self, sockets: &LobbySockets, delivery: Delivery) {
        match delivery {
            Delivery::Changes { conversation: ConversationId::LOBBY, to, changes } => {
                self.deliver_changes(sockets, to, &changes);
            }
            Delivery::Ephemeral(event) => self.deliver_ephemeral(sockets, &event),
            Delivery::Reset(ConversationId::LOBBY) => sockets.for_each(|client| client.reset()),
            Delivery::Changes { .. }
            | Delivery::Reset(_)
            | Delivery::Inbox(_)
            | Delivery::Presence(_)
            | Delivery::Recheck(_) => {}
        }
    }

    /// Always appends the full list, because the client computes its own list wrongly.
    fn encode_presence(&self, update: &PresenceUpdate) -> Vec<Frame> {
        let online = self.frames.online(&update.online);
        self.online.replace(Some(online.clone()));
        let moves = update.moves.iter().map(|step| self.frames.moved(&step.user, step.joined));
        moves.chain([online]).collect()
    }

    fn timeouts(&self) -> Option<SocketTimeouts> {
        Some(self.settings.timeouts)
    }

    fn shed(&self, client: &Client) {
        client.collapse();
    }

    /// The session may have been used meanwhile, so that it expires later.
    fn check(&self, client: &Client, now: Instant) {
        if now >= client.session_ends.get() {
            client.socket.request_recheck();
        }
    }

    fn tick(&self, sockets: &LobbySockets, now: Instant) -> Option<Instant> {
        if !self.alarm.get() {
            return None;
        }
        let mut is_armed = false;
        sockets.for_each(|client| {
            is_armed |= client.heal(now);
        });
        self.alarm.set(is_armed);
        is_armed.then(|| now + HEAL_TICK)
    }
}
