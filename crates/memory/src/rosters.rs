//! Leases within this process.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use application::ports::{BackendError, NodeId, Roster, RosterExchange, RosterMoves, Rosters};
use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::Instant;

/// One node's end of a roster exchange, with or without other nodes.
#[derive(Debug)]
pub struct InProcessRosters {
    node: NodeId,
    exchange: Arc<Exchange>,
}

#[derive(Debug)]
struct Exchange {
    // Locked for a look-up or a copy.
    state: Mutex<State>,
    arrivals: Vec<Notify>,
}

#[derive(Debug, Default)]
struct State {
    instance: u64,
    away: bool,
    leases: HashMap<NodeId, (Instant, Roster)>,
    inboxes: Vec<VecDeque<(NodeId, RosterMoves)>>,
}

impl InProcessRosters {
    pub const LEASE: Duration = Duration::from_secs(12);
    /// Hints that may wait for a node; further ones are dropped.
    pub const CAPACITY: usize = 1_024;

    /// The exchange of a single node.
    #[must_use]
    pub fn single() -> Self {
        let exchange = Arc::new(Exchange::of(1));
        Self { node: NodeId(0), exchange }
    }

    /// Returns the ends of `nodes` nodes at one exchange.
    #[must_use]
    pub fn linked(nodes: usize) -> Vec<Self> {
        let exchange = Arc::new(Exchange::of(nodes));
        let end = |node| Self { node: NodeId(node), exchange: Arc::clone(&exchange) };
        (0..).take(nodes).map(end).collect()
    }

    /// The id of this node for the others.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// Makes the exchange unreachable while `away`; for tests.
    pub fn go_away(&self, away: bool) {
        self.exchange.state().away = away;
    }

    /// Replaces the exchange by a new and empty one; for tests.
    pub fn start_over(&self) {
        let mut state = self.exchange.state();
        state.instance += 1;
        state.leases.clear();
    }

    fn index(&self) -> usize {
        usize::try_from(self.node.0).unwrap_or(usize::MAX)
    }
}

impl Exchange {
    fn of(nodes: usize) -> Self {
        let inboxes = vec![VecDeque::new(); nodes];
        let state = Mutex::new(State { inboxes, ..State::default() });
        Self { state, arrivals: (0..nodes).map(|_| Notify::new()).collect() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl RosterExchange for InProcessRosters {
    fn has_others(&self) -> bool {
        self.exchange.arrivals.len() > 1
    }

    async fn announce(&self, moves: &RosterMoves) {
        let mut state = self.exchange.state();
        if state.away {
            return;
        }
        let others = state.inboxes.iter_mut().enumerate().zip(&self.exchange.arrivals);
        for ((index, inbox), arrival) in others {
            if index != self.index() && inbox.len() < Self::CAPACITY {
                inbox.push_back((self.node, moves.clone()));
                arrival.notify_one();
            }
        }
    }

    async fn renew(&self, roster: &Roster) -> Result<Rosters, BackendError> {
        let now = Instant::now();
        let mut state = self.exchange.state();
        if state.away {
            return Err(BackendError::new("renew a lease", "the exchange is away"));
        }
        state.leases.insert(self.node, (now + Self::LEASE, roster.clone()));
        state.leases.retain(|_, (end, _)| *end > now);
        let others = state.leases.iter().filter(|(node, _)| **node != self.node);
        let others = others.map(|(node, (_, roster))| (*node, roster.clone())).collect();
        Ok(Rosters { instance: state.instance.to_string(), others })
    }

    async fn next(&self) -> (NodeId, RosterMoves) {
        let Some(arrivals) = self.exchange.arrivals.get(self.index()) else {
            return std::future::pending().await;
        };
        loop {
            // Keeps a permit if something arrives after the check below.
            let arrival = arrivals.notified();
            let index = self.index();
            let hint = self.exchange.state().inboxes.get_mut(index).and_then(VecDeque::pop_front);
            if let Some(hint) = hint {
                return hint;
            }
            arrival.await;
        }
    }

    async fn withdraw(&self) {
        self.exchange.state().leases.remove(&self.node);
    }
}
