//! Hints between nodes.

use async_trait::async_trait;
use domain::{Change, ConversationId, EphemeralEvent, Seq};

/// Carries hints to the other nodes. All of them may be lost: the store is
/// the truth, and the hub finds what is missing.
///
/// Every adapter passes `testkit::bus_contract!`.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Tells the other nodes what was committed, in order. Never waits for
    /// them; what cannot be told is dropped.
    async fn publish(&self, changes: &[Change]);

    /// Shows the other nodes something that is over in a moment. Gives way to
    /// hints, and never waits.
    async fn publish_ephemeral(&self, signal: &EphemeralEvent);

    /// Asks for what is said of a conversation, or no longer. Never waits for the
    /// others, and is not forgotten while the bus is away.
    async fn subscribe(&self, conversation: ConversationId, wanted: bool);

    /// The next thing that another node said; waits forever on a bus without
    /// others. Cancel-safe.
    async fn next(&self) -> BusEvent;

    /// Whether hints come and go, as far as is known.
    fn is_connected(&self) -> bool;
}

/// What comes over the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BusEvent {
    /// Another node committed this.
    Changed(Vec<Change>),
    /// Another node committed something up to here that is too large for a hint.
    HeadAdvanced(ConversationId, Seq),
    /// Somebody at another node is to be noticed for a moment.
    Ephemeral(EphemeralEvent),
    /// Hints no longer come: sweep more often.
    Disconnected,
    /// Hints come again, and some may have been lost: sweep now.
    Reconnected,
}
