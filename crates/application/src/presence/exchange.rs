//! Exchanges rosters with the other nodes, and tracks theirs.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::time::{Duration, Instant, sleep_until};

use super::Shared;
use super::state::{Counts, Move, Unannounced};
use crate::ports::{NodeId, Roster, RosterExchange, RosterMoves, Rosters, with_causes};

/// Interval between renewals of the lease.
const RENEWAL: Duration = Duration::from_secs(4);
/// The same after a failure.
const RETRY: Duration = Duration::from_secs(1);
/// After a missed hint, leases are read this soon, and no more often.
const SOON: Duration = Duration::from_millis(250);
/// Ignore missing leases for this long after leases may have been lost. In the lifetime of a
/// lease every node renews its own.
const GRACE: Duration = Duration::from_secs(12);
/// Hints per node that may wait for its lease; the lease contains the rest.
const MAX_EARLY_HINTS: usize = 64;
/// Nodes whose hints may wait for a lease.
const MAX_EARLY_NODES: usize = 64;
/// Maximum connections of a node; larger leases are refused.
const MAX_CONNECTIONS: u64 = 1_000_000;

pub(super) struct Exchanger {
    shared: Arc<Shared>,
    exchange: Arc<dyn RosterExchange>,
    other_nodes: OtherNodes,
    next_renewal: Instant,
    renewed: Instant,
}

impl Exchanger {
    pub(super) fn new(shared: Arc<Shared>, exchange: Arc<dyn RosterExchange>) -> Self {
        let now = Instant::now();
        let other_nodes = OtherNodes::default();
        Self { shared, exchange, other_nodes, next_renewal: now, renewed: now }
    }

    pub(super) async fn run(mut self) {
        if !self.exchange.has_others() {
            return;
        }
        loop {
            tokio::select! {
                () = self.shared.moved_here.notified() => self.announce().await,
                (node, hint) = self.exchange.next() => match self.other_nodes.apply(node, hint) {
                    HintResult::Moves(moves) => self.apply(moves),
                    HintResult::Gap => {
                        self.next_renewal = self.next_renewal.min(self.renewed + SOON);
                    }
                },
                () = sleep_until(self.next_renewal) => { self.renew().await; }
                () = self.shared.closing() => break,
            }
        }
        self.announce().await;
        self.exchange.withdraw().await;
    }

    async fn announce(&mut self) {
        let unannounced = self.shared.state().take_unannounced();
        let moves = match unannounced {
            None => return,
            Some(Unannounced::Moves(moves)) => moves,
            // An empty hint with a newer version makes the other nodes read the lease.
            Some(Unannounced::TooMany) => {
                let version = self.renew().await;
                RosterMoves { version, moves: Vec::new() }
            }
        };
        self.exchange.announce(&moves).await;
    }

    /// Returns the version of the lease.
    async fn renew(&mut self) -> u64 {
        let roster = self.shared.state().roster();
        let renewed = self.exchange.renew(&roster).await;
        self.renewed = Instant::now();
        self.next_renewal = self.renewed + RENEWAL;
        match renewed {
            Ok(rosters) => {
                let moves = self.other_nodes.learn(rosters, self.renewed);
                self.apply(moves);
            }
            Err(error) => {
                tracing::debug!(
                    error = with_causes(&error),
                    "the roster exchange is unreachable; presence of other nodes is unknown"
                );
                self.other_nodes.lose();
                self.next_renewal = self.renewed + RETRY;
            }
        }
        roster.version
    }

    fn apply(&self, moves: Vec<Move>) {
        if moves.is_empty() {
            return;
        }
        let mut state = self.shared.state();
        for step in moves {
            state.apply(step);
        }
        drop(state);
        self.shared.moved.notify_one();
    }
}

/// The other nodes' last known rosters.
#[derive(Debug, Default)]
struct OtherNodes {
    nodes: HashMap<NodeId, Known>,
    /// Hints that arrived before their predecessors.
    early: HashMap<NodeId, Vec<RosterMoves>>,
    instance: Option<String>,
    unreachable: bool,
    grace_until: Option<Instant>,
}

#[derive(Debug, Default)]
struct Known {
    version: u64,
    online: Counts,
}

enum HintResult {
    /// The hint was applied.
    Moves(Vec<Move>),
    /// An earlier hint is missing: read the leases.
    Gap,
}

impl OtherNodes {
    fn apply(&mut self, node: NodeId, hint: RosterMoves) -> HintResult {
        if let Some(moves) = self.nodes.get_mut(&node).and_then(|known| known.follow(&hint)) {
            return HintResult::Moves(moves);
        }
        self.keep(node, hint);
        HintResult::Gap
    }

    fn keep(&mut self, node: NodeId, hint: RosterMoves) {
        if self.early.len() >= MAX_EARLY_NODES && !self.early.contains_key(&node) {
            return;
        }
        let early = self.early.entry(node).or_default();
        if early.len() < MAX_EARLY_HINTS {
            early.push(hint);
        }
    }

    /// Records that the exchange is unreachable, so leases are unknown.
    fn lose(&mut self) {
        self.unreachable = true;
    }

    /// Applies all leases, and returns the resulting moves.
    fn learn(&mut self, rosters: Rosters, now: Instant) -> Vec<Move> {
        let is_same = self.instance.as_ref().is_none_or(|known| *known == rosters.instance);
        if self.unreachable || !is_same {
            self.grace_until = Some(now + GRACE);
        }
        self.unreachable = false;
        self.instance = Some(rosters.instance);

        let mut moves = Vec::new();
        let mut present = Vec::with_capacity(rosters.others.len());
        for (node, roster) in rosters.others {
            present.push(node);
            let known = self.nodes.entry(node).or_default();
            moves.extend(known.replace(roster));
            for hint in self.early.remove(&node).unwrap_or_default() {
                moves.extend(known.follow(&hint).unwrap_or_default());
            }
        }
        self.early.clear();
        if self.grace_until.is_none_or(|until| until <= now) {
            self.nodes.retain(|node, known| {
                let lives = present.contains(node);
                if !lives {
                    moves.extend(known.online.moves_to(&Counts::default()));
                }
                lives
            });
        }
        moves
    }
}

impl Known {
    /// Returns the hint's new moves, or `None` if earlier ones are missing.
    fn follow(&mut self, hint: &RosterMoves) -> Option<Vec<Move>> {
        let count = hint.moves.len() as u64;
        let before = hint.version.saturating_sub(count);
        if before > self.version {
            return None;
        }
        let known = usize::try_from(self.version - before).unwrap_or(usize::MAX);
        let new: Vec<Move> = hint.moves.iter().skip(known).cloned().collect();
        self.version = self.version.max(hint.version);
        Some(new.into_iter().filter(|step| self.online.apply(step)).collect())
    }

    /// Applies a lease, unless it is older than the known state or implausible.
    fn replace(&mut self, roster: Roster) -> Vec<Move> {
        if roster.version < self.version {
            return Vec::new();
        }
        let connections: u64 = roster.online.iter().map(|(_, count)| u64::from(*count)).sum();
        if connections > MAX_CONNECTIONS {
            tracing::warn!(connections, "refused the implausible lease of another node");
            return Vec::new();
        }
        let online: Counts = roster
            .online
            .into_iter()
            .map(|(name, count)| (name, usize::try_from(count).unwrap_or(usize::MAX)))
            .collect();
        let moves = self.online.moves_to(&online);
        (self.version, self.online) = (roster.version, online);
        moves
    }
}
