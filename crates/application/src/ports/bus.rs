use async_trait::async_trait;
use domain::{Change, ConversationId, EphemeralEvent, Seq};

/// Carries hints to the other nodes. Hints may be lost: the hub reads missed changes from the
/// store.
///
/// Every adapter passes `testkit::bus_contract!`.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Publishes committed changes to the other nodes, in order. Never waits for them; drops
    /// changes it cannot send.
    async fn publish(&self, changes: &[Change]);

    /// Publishes an ephemeral event to the other nodes. Hints take priority. Never waits.
    async fn publish_ephemeral(&self, event: &EphemeralEvent);

    /// Subscribes to a conversation's hints if `wanted`, otherwise unsubscribes. Never waits for
    /// other nodes. The subscription survives a lost connection.
    async fn subscribe(&self, conversation: ConversationId, wanted: bool);

    /// Returns the next event from another node. Waits forever on a bus without other nodes.
    /// Cancel-safe.
    async fn next(&self) -> BusEvent;

    /// Returns whether hints flow, as far as is known.
    fn is_connected(&self) -> bool;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BusEvent {
    /// Another node committed these changes.
    Changed(Vec<Change>),
    /// Another node committed changes up to this number that are too large for a hint.
    HeadAdvanced(ConversationId, Seq),
    Ephemeral(EphemeralEvent),
    /// Hints stopped: sweep more often.
    Disconnected,
    /// Hints resumed, and some may have been lost: sweep now.
    Reconnected,
}
