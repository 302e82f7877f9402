//! Tracks the rosters of the other nodes.

use std::collections::HashMap;

use tokio::time::{Duration, Instant};

use super::state::{Counts, Move};
use crate::ports::{NodeId, Roster, RosterMoves, Rosters};

/// Ignore missing leases for this long after leases may have been lost. In the lifetime of a
/// lease every node renews its own.
pub(super) const GRACE: Duration = Duration::from_secs(12);
/// Hints per node that may wait for its lease; the lease contains the rest.
const MAX_EARLY_HINTS: usize = 64;
/// Nodes whose hints may wait for a lease.
const MAX_EARLY_NODES: usize = 64;
/// Maximum connections of a node; larger leases are refused.
const MAX_CONNECTIONS: u64 = 1_000_000;

/// The other nodes' last known rosters.
#[derive(Debug, Default)]
pub(super) struct OtherNodes {
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

/// The result of a hint.
pub(super) enum HintResult {
    /// The hint was applied.
    Moves(Vec<Move>),
    /// An earlier hint is missing: read the leases.
    Gap,
}

impl OtherNodes {
    /// Applies a hint.
    pub(super) fn apply(&mut self, node: NodeId, hint: RosterMoves) -> HintResult {
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
    pub(super) fn lose(&mut self) {
        self.unreachable = true;
    }

    /// Applies all leases, and returns the resulting moves.
    pub(super) fn learn(&mut self, rosters: Rosters, now: Instant) -> Vec<Move> {
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
