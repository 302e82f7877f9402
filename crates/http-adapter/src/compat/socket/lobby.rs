//! The lobby on one worker.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use application::Snapshots;
use application::ports::{Delivery, PresenceUpdate, SnapshotLimit};
use domain::{Change, ConversationId, Seq, UserId};
use tokio::time::Instant;

use super::client::Client;
use super::packet::Packet;
use crate::budget::Budget;
use crate::compat::frames::{Frames, History};
use crate::sockets::{Protocol, WorkerSockets};
use crate::state::CompatSettings;
use crate::websocket::{Backlog, CloseCode, Frame};

/// The interval of checks for due histories while any client is armed.
const HEAL_TICK: Duration = Duration::from_millis(50);
/// The bandwidth of histories, in bytes per second, if every client needs healing all the time.
const HEAL_BYTES_PER_SECOND: f64 = 20e6;
const MAX_HEAL_GAP: Duration = Duration::from_secs(5);

/// The state that the lobby's clients on one worker share.
pub(super) struct Lobby {
    pub(super) settings: CompatSettings,
    pub(super) histories: Arc<Snapshots<History>>,
    pub(super) frames: Frames,
    /// The newest list of online users.
    online: RefCell<Option<Frame>>,
    /// Whether any client may need a healing history.
    is_armed: Cell<bool>,
    heal_gap: Cell<Duration>,
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
            is_armed: Cell::new(false),
            heal_gap: Cell::new(Duration::ZERO),
        }
    }

    pub(super) fn online(&self, sockets: &LobbySockets) -> Frame {
        let newest = self.online.borrow().clone();
        newest.unwrap_or_else(|| self.frames.online(&sockets.services.presence.online()))
    }

    /// Bounds the history for a client that shows `rows` rows. Only three sizes exist, so that
    /// clients share reads.
    pub(super) fn history_limit(&self, rows: usize) -> SnapshotLimit {
        let SnapshotLimit { rows: least, bytes } = self.settings.history;
        let sizes = [1, 2, 4].map(|times| least.saturating_mul(times));
        let [.., most] = sizes;
        let rows = sizes.into_iter().find(|size| *size >= rows).unwrap_or(most);
        SnapshotLimit { rows, bytes }
    }

    /// Adapts the minimum interval of histories to the size of this one.
    pub(super) fn note_history(&self, history: &History, clients: usize) {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let bytes = history.frame.len().saturating_mul(clients) as f64;
        let gap = Duration::try_from_secs_f64(bytes / HEAL_BYTES_PER_SECOND);
        self.heal_gap.set(gap.unwrap_or(MAX_HEAL_GAP).min(MAX_HEAL_GAP));
        // Frames right after the history may have armed the client.
        self.is_armed.set(self.settings.heal);
    }

    fn deliver_changes(&self, sockets: &LobbySockets, to: Seq, changes: &[Change]) {
        let now = Instant::now();
        let packet = Rc::new(Packet::new(to, changes));
        let excluded: Vec<UserId> = changes.iter().filter_map(excluded).collect();
        let mut is_armed = self.is_armed.get();
        sockets.for_each(|client| {
            // Closing first keeps later changes from excluded users.
            if excluded.contains(&client.socket.user) {
                client.socket.outbox.close(CloseCode::NoAccess, Backlog::Discard);
            }
            is_armed |= client.deliver(&packet, &self.frames, now);
        });
        if !self.settings.heal {
            return;
        }
        for user in &packet.changed_authors {
            let is_in_other_tabs = packet
                .author(*user)
                .is_some_and(|name| sockets.services.presence.connections(name) > 1);
            if is_in_other_tabs {
                sockets.by_user.for_each_of(user, |client| {
                    client.changed_by_user(now);
                    is_armed = true;
                });
            }
        }
        self.is_armed.set(is_armed);
    }
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
            Delivery::Reset(ConversationId::LOBBY) => sockets.for_each(|client| client.reset()),
            Delivery::Changes { .. }
            | Delivery::Reset(_)
            | Delivery::Inbox(_)
            | Delivery::Ephemeral(_)
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
        if !self.is_armed.get() {
            return None;
        }
        let mut is_armed = false;
        sockets.for_each(|client| {
            client.heal(now, self.heal_gap.get());
            is_armed |= client.is_armed();
        });
        self.is_armed.set(is_armed);
        is_armed.then(|| now + HEAL_TICK)
    }
}
