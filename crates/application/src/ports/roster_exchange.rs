use async_trait::async_trait;
use domain::Username;

use super::BackendError;

/// Shares the users who are online at each node. Data may be lost: a roster is a lease that
/// expires unless its node renews it.
///
/// Every adapter passes `testkit::roster_exchange_contract!`.
#[async_trait]
pub trait RosterExchange: Send + Sync {
    /// Returns whether other nodes can exist. If not, announcing and renewing are unnecessary.
    fn has_others(&self) -> bool;

    /// Announces local joins and leaves, in one or several consecutive hints. Never waits for
    /// other nodes; drops hints it cannot send. Without moves it announces the version alone.
    async fn announce(&self, moves: &RosterMoves);

    /// Renews the lease of this node, and reads those of the others.
    async fn renew(&self, roster: &Roster) -> Result<Rosters, BackendError>;

    /// Returns the next hint of another node; waits forever without others. Cancel-safe.
    async fn next(&self) -> (NodeId, RosterMoves);

    /// Gives up the lease on a clean shutdown.
    async fn withdraw(&self);
}

/// A node from its start to its end; a restarted node has a new id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u64);

/// The users with connections to one node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roster {
    /// The number of moves so far.
    pub version: u64,
    /// Each name once, with its number of connections.
    pub online: Vec<(Username, u32)>,
}

/// An update to a roster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RosterMoves {
    /// The version after these moves; the version before was lower by their number.
    pub version: u64,
    /// Connections that joined (`true`) and left, in order.
    pub moves: Vec<(Username, bool)>,
}

/// The current leases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rosters {
    /// If it changes, all leases were lost; an absent node may just not have renewed its lease
    /// yet.
    pub instance: String,
    pub others: Vec<(NodeId, Roster)>,
}
