//! Exchanges rosters with the other nodes.

use std::sync::Arc;

use tokio::time::{Duration, Instant, sleep_until};

use super::Shared;
use super::other_nodes::{HintResult, OtherNodes};
use super::state::{Move, Unannounced};
use crate::ports::{RosterExchange, RosterMoves, with_causes};

/// Interval between renewals of the lease.
const RENEWAL: Duration = Duration::from_secs(4);
/// The same after a failure.
const RETRY: Duration = Duration::from_secs(1);
/// After a missed hint, leases are read this soon, and no more often.
const SOON: Duration = Duration::from_millis(250);

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
