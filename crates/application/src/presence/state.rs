//! The connection counts, and their unpublished changes.

use std::collections::{BTreeMap, VecDeque};

use domain::Username;

use super::PresenceTiming;
use crate::ports::{PresenceMove, Roster, RosterMoves};

/// When coalescing, the most moves that one update lists individually.
const MAX_LISTED: usize = 8;
/// When not coalescing, the most moves that wait for individual updates.
const MAX_PENDING: usize = 16 * 1024;
/// The most local moves that wait for an announcement; the lease carries the rest.
const MAX_UNANNOUNCED: usize = 1024;

/// A connection that joined (`true`) or left.
pub(super) type Move = (Username, bool);

#[derive(Debug)]
pub(super) struct PresenceState {
    timing: PresenceTiming,
    /// Connections per name, on all nodes.
    pub(super) online: Counts,
    /// Connections to this node.
    here: Counts,
    pub(super) connections_here: usize,
    /// The number of local moves so far.
    version: u64,
    /// Local moves for the other nodes.
    unannounced: BoundedLog<Move>,
    /// Moves of all nodes for the local sockets.
    pending: BoundedLog<PresenceMove>,
}

/// Moves that wait to be read. If more come than it holds, it forgets all of them, and the reader
/// takes the whole state instead.
#[derive(Debug)]
struct BoundedLog<T> {
    items: VecDeque<T>,
    limit: usize,
    has_overflowed: bool,
}

impl<T> BoundedLog<T> {
    fn new(limit: usize) -> Self {
        Self { items: VecDeque::new(), limit, has_overflowed: false }
    }

    fn push(&mut self, item: T) {
        self.has_overflowed |= self.items.len() >= self.limit;
        if self.has_overflowed {
            self.items.clear();
        } else {
            self.items.push_back(item);
        }
    }

    /// Returns whether the log overflowed since the last call.
    fn take_overflow(&mut self) -> bool {
        std::mem::take(&mut self.has_overflowed)
    }
}

/// Pending updates for local sockets.
pub(super) enum Pending {
    Nothing,
    /// The next move, when not coalescing.
    One(PresenceMove),
    /// Too many moves to list individually: broadcast the whole list.
    TooMany(Counts),
    /// All pending moves, when coalescing.
    Together(Vec<PresenceMove>),
}

/// Pending moves for the other nodes.
pub(super) enum Unannounced {
    Moves(RosterMoves),
    /// More than hints can carry.
    TooMany,
}

/// Connections per name. Never contains zeros.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts(BTreeMap<Username, usize>);

impl Counts {
    /// Returns whether the move applied: a name without connections cannot leave.
    pub(super) fn apply(&mut self, (user, came): &Move) -> bool {
        if *came {
            *self.0.entry(user.clone()).or_default() += 1;
            return true;
        }
        let Some(count) = self.0.get_mut(user) else { return false };
        *count -= 1;
        if *count == 0 {
            self.0.remove(user);
        }
        true
    }

    pub(super) fn names(&self) -> Vec<Username> {
        self.0.keys().cloned().collect()
    }

    pub(super) fn get(&self, user: &Username) -> usize {
        self.0.get(user).copied().unwrap_or(0)
    }

    fn iter(&self) -> impl Iterator<Item = (&Username, usize)> {
        self.0.iter().map(|(name, count)| (name, *count))
    }

    /// Returns the moves that turn `self` into `other`: first leaves, then joins.
    pub(super) fn moves_to(&self, other: &Self) -> Vec<Move> {
        let goings = self.iter().flat_map(|(name, count)| {
            let gone = count.saturating_sub(other.get(name));
            std::iter::repeat_n((name.clone(), false), gone)
        });
        let comings = other.iter().flat_map(|(name, count)| {
            let come = count.saturating_sub(self.get(name));
            std::iter::repeat_n((name.clone(), true), come)
        });
        goings.chain(comings).collect()
    }
}

impl FromIterator<(Username, usize)> for Counts {
    fn from_iter<I: IntoIterator<Item = (Username, usize)>>(counts: I) -> Self {
        Self(counts.into_iter().filter(|(_, count)| *count > 0).collect())
    }
}

impl PresenceState {
    pub(super) fn new(timing: PresenceTiming) -> Self {
        let limit = match timing {
            PresenceTiming::OneByOne => MAX_PENDING,
            PresenceTiming::Coalesced => MAX_LISTED,
        };
        Self {
            timing,
            online: Counts::default(),
            here: Counts::default(),
            connections_here: 0,
            version: 0,
            unannounced: BoundedLog::new(MAX_UNANNOUNCED),
            pending: BoundedLog::new(limit),
        }
    }

    /// Applies a move of this node. Returns whether it applied: a user without a connection cannot
    /// leave.
    pub(super) fn move_here(&mut self, step: Move) -> bool {
        if !self.here.apply(&step) {
            return false;
        }
        if step.1 {
            self.connections_here += 1;
        } else {
            self.connections_here -= 1;
        }
        self.version += 1;
        self.unannounced.push(step.clone());
        self.apply(step);
        true
    }

    /// Applies a move of any node.
    pub(super) fn apply(&mut self, step: Move) {
        let before = self.online.get(&step.0);
        if !self.online.apply(&step) {
            return;
        }
        let (user, joined) = step;
        let is_edge = before == usize::from(!joined);
        self.pending.push(PresenceMove { user, joined, is_edge });
    }

    pub(super) fn take_pending(&mut self) -> Pending {
        let has_overflowed = self.pending.take_overflow();
        let pending = &mut self.pending.items;
        match self.timing {
            _ if pending.is_empty() && !has_overflowed => Pending::Nothing,
            PresenceTiming::OneByOne if has_overflowed => Pending::TooMany(self.online.clone()),
            PresenceTiming::OneByOne => pending.pop_front().map_or(Pending::Nothing, Pending::One),
            PresenceTiming::Coalesced => Pending::Together(pending.drain(..).collect()),
        }
    }

    pub(super) fn take_unannounced(&mut self) -> Option<Unannounced> {
        if self.unannounced.take_overflow() {
            return Some(Unannounced::TooMany);
        }
        let moves: Vec<Move> = self.unannounced.items.drain(..).collect();
        let version = self.version;
        (!moves.is_empty()).then_some(Unannounced::Moves(RosterMoves { version, moves }))
    }

    /// Returns this node's roster for the other nodes.
    pub(super) fn roster(&self) -> Roster {
        let count = |count| u32::try_from(count).unwrap_or(u32::MAX);
        let online = self.here.iter().map(|(name, connections)| (name.clone(), count(connections)));
        Roster { version: self.version, online: online.collect() }
    }
}
