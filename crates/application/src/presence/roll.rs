//! The counts, and what of their changes was not told yet.

use std::collections::{BTreeMap, VecDeque};

use domain::Username;

use super::PresenceTiming;
use crate::ports::{Roster, RosterMoves};

/// Comings and goings of one update that are still told one by one, when coalescing.
const TOLD: usize = 8;
/// Comings and goings that may wait to be told one by one, when not.
const WAITING: usize = 16 * 1024;
/// Comings and goings here that may wait to be announced; past that the other
/// nodes find them in the lease.
const UNANNOUNCED: usize = 1024;

/// A coming (`true`) or a going of a connection.
pub(super) type Move = (Username, bool);

#[derive(Debug)]
pub(super) struct Roll {
    timing: PresenceTiming,
    /// Connections per name, on all nodes.
    online: Counts,
    /// Those of this node.
    here: Counts,
    connections_here: usize,
    /// Counts the moves here.
    version: u64,
    unannounced: Vec<Move>,
    /// There were more of them than are announced.
    unannounceable: bool,
    untold: VecDeque<Move>,
    /// There were more of them than are told.
    overflown: bool,
}

/// What is to be told to the sockets here.
pub(super) enum Untold {
    Nothing,
    /// One move, when event_since one by one.
    One(Move),
    /// More than can be told one by one: all is to be told anew.
    TooMany(Counts),
    /// All there is.
    Together(Vec<Move>),
}

/// What is to be told to the other nodes.
pub(super) enum Unannounced {
    Moves(RosterMoves),
    /// More than hints are for.
    TooMany,
}

/// Connections per name; a name without any has no entry.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts(BTreeMap<Username, usize>);

impl Counts {
    /// Says whether there was something to do: nobody goes who has not come.
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

    /// The goings, then the comings, that make `other` of this.
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

impl Roll {
    pub(super) fn new(timing: PresenceTiming) -> Self {
        Self {
            timing,
            online: Counts::default(),
            here: Counts::default(),
            connections_here: 0,
            version: 0,
            unannounced: Vec::new(),
            unannounceable: false,
            untold: VecDeque::new(),
            overflown: false,
        }
    }

    pub(super) fn enter_here(&mut self, user: &Username) {
        self.move_here((user.clone(), true));
    }

    /// Says whether there was such a connection.
    pub(super) fn leave_here(&mut self, user: &Username) -> bool {
        self.move_here((user.clone(), false))
    }

    fn move_here(&mut self, step: Move) -> bool {
        if !self.here.apply(&step) {
            return false;
        }
        if step.1 {
            self.connections_here += 1;
        } else {
            self.connections_here -= 1;
        }
        self.version += 1;
        if !self.unannounceable && self.unannounced.len() < UNANNOUNCED {
            self.unannounced.push(step.clone());
        } else {
            self.unannounceable = true;
            self.unannounced.clear();
        }
        self.apply(step);
        true
    }

    /// A move, wherever it was.
    pub(super) fn apply(&mut self, step: Move) {
        if !self.online.apply(&step) {
            return;
        }
        let limit = match self.timing {
            PresenceTiming::OneByOne => WAITING,
            PresenceTiming::Coalesced => TOLD,
        };
        if !self.overflown && self.untold.len() < limit {
            self.untold.push_back(step);
        } else {
            self.overflown = true;
            self.untold.clear();
        }
    }

    pub(super) fn connections(&self, user: &Username) -> usize {
        self.online.get(user)
    }

    pub(super) fn connections_here(&self) -> usize {
        self.connections_here
    }

    pub(super) fn names(&self) -> Vec<Username> {
        self.online.names()
    }

    /// Takes what is to be told to the sockets here.
    pub(super) fn take_untold(&mut self) -> Untold {
        let overflown = std::mem::take(&mut self.overflown);
        if self.untold.is_empty() && !overflown {
            return Untold::Nothing;
        }
        match self.timing {
            PresenceTiming::OneByOne if overflown => Untold::TooMany(self.online.clone()),
            PresenceTiming::OneByOne => {
                self.untold.pop_front().map_or(Untold::Nothing, Untold::One)
            }
            PresenceTiming::Coalesced => Untold::Together(self.untold.drain(..).collect()),
        }
    }

    /// Takes what is to be told to the other nodes.
    pub(super) fn take_unannounced(&mut self) -> Option<Unannounced> {
        let moves = std::mem::take(&mut self.unannounced);
        if std::mem::take(&mut self.unannounceable) {
            return Some(Unannounced::TooMany);
        }
        let version = self.version;
        (!moves.is_empty()).then_some(Unannounced::Moves(RosterMoves { version, moves }))
    }

    /// Everyone here, as the other nodes are to know it.
    pub(super) fn roster(&self) -> Roster {
        let count = |count| u32::try_from(count).unwrap_or(u32::MAX);
        let online = self.here.iter().map(|(name, connections)| (name.clone(), count(connections)));
        Roster { version: self.version, online: online.collect() }
    }
}
