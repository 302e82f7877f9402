//! What is known of the other nodes' rosters.

use std::collections::HashMap;

use tokio::time::{Duration, Instant};

use super::roll::{Counts, Move};
use crate::ports::{NodeId, Roster, RosterMoves, Rosters};

/// How long an absent lease means nothing once leases may have been lost: as
/// long as one lasts, in which every node renews its own.
pub(super) const GRACE: Duration = Duration::from_secs(12);
/// Hints of a node that may wait for its lease; more are found in it anyway.
const EARLY: usize = 64;
/// Nodes whose hints may wait.
const STRANGERS: usize = 64;
/// Connections that a node can have; a lease of more is refused.
const MOST: u64 = 1_000_000;

/// The other nodes, by what they said last.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    nodes: HashMap<NodeId, Known>,
    /// Hints that came before what they follow.
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

/// What came of a hint.
pub(super) enum Heard {
    /// It was followed.
    Moves(Vec<Move>),
    /// Something is missing before it: leases should be read.
    Gap,
}

impl Elsewhere {
    /// Follows a hint.
    pub(super) fn hear(&mut self, node: NodeId, hint: RosterMoves) -> Heard {
        if let Some(moves) = self.nodes.get_mut(&node).and_then(|known| known.follow(&hint)) {
            return Heard::Moves(moves);
        }
        self.keep(node, hint);
        Heard::Gap
    }

    fn keep(&mut self, node: NodeId, hint: RosterMoves) {
        if self.early.len() >= STRANGERS && !self.early.contains_key(&node) {
            return;
        }
        let early = self.early.entry(node).or_default();
        if early.len() < EARLY {
            early.push(hint);
        }
    }

    /// The exchange is away: nothing is known of the leases.
    pub(super) fn lose(&mut self) {
        self.unreachable = true;
    }

    /// Learns of all leases, and says what moved by that.
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
    /// The moves of a hint that are not known yet; none, if others are missing
    /// before them.
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

    /// Takes a lease, unless hints went past it or it cannot be true.
    fn replace(&mut self, roster: Roster) -> Vec<Move> {
        if roster.version < self.version {
            return Vec::new();
        }
        let connections: u64 = roster.online.iter().map(|(_, count)| u64::from(*count)).sum();
        if connections > MOST {
            tracing::warn!(connections, "the lease of another node was refused");
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
