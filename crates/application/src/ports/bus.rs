//! Hints between nodes.

use async_trait::async_trait;
use domain::{Change, ConversationId};

/// Carries hints to the other nodes. All of them may be lost: the store is
/// the truth, and the hub finds what is missing.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Tells the other nodes what was committed, in order. Never waits for
    /// them; what cannot be told is dropped.
    async fn publish(&self, changes: &[Change]);

    /// Asks for hints of a conversation, or no longer.
    async fn listen(&self, conversation: ConversationId, wanted: bool);

    /// The next thing that another node said; waits forever on a bus without
    /// others. Cancel-safe.
    async fn next(&self) -> BusEvent;
}

/// What comes over the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BusEvent {
    /// Another node committed this.
    Changed(Vec<Change>),
    /// Hints may have been lost: sweep now.
    Resubscribed,
}
