//! Who is where, between nodes.

use async_trait::async_trait;
use domain::Username;

use super::BackendError;

/// Tells the nodes of each other's users. All of it may be lost: a node's
/// roster is a lease, which ends by itself unless the node renews it.
///
/// Every adapter passes `testkit::roster_exchange_contract!`.
#[async_trait]
pub trait RosterExchange: Send + Sync {
    /// Whether there can be other nodes. Without any, nothing needs to be told or renewed.
    fn has_others(&self) -> bool;

    /// Tells the other nodes who came and went here, as one hint or several
    /// that follow each other. Never waits for them; what cannot be told is
    /// dropped. Without moves it tells the version alone.
    async fn announce(&self, moves: &RosterMoves);

    /// Renews the lease of this node, and reads those of the others.
    ///
    /// # Errors
    ///
    /// [`BackendError`] when the exchange is away: nothing is known of the others.
    async fn renew(&self, roster: &Roster) -> Result<Rosters, BackendError>;

    /// The next hint of another node; waits forever where there is none. Cancel-safe.
    async fn next(&self) -> (NodeId, RosterMoves);

    /// Gives the lease up, at a clean end.
    async fn withdraw(&self);
}

/// One life of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u64);

/// Everyone with connections to one node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roster {
    /// Counts the moves that led here.
    pub version: u64,
    /// Names, each once, with their connections.
    pub online: Vec<(Username, u32)>,
}

/// What is to be done to a roster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RosterMoves {
    /// Of the roster once these are done; it was lower by their number before.
    pub version: u64,
    /// Connections that came (`true`) and went, in order.
    pub moves: Vec<(Username, bool)>,
}

/// The leases that live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rosters {
    /// Another one than before has lost every lease: an absent node may only
    /// not have renewed it yet.
    pub instance: String,
    /// Of the other nodes.
    pub others: Vec<(NodeId, Roster)>,
}
