use std::sync::Arc;

use async_trait::async_trait;
use domain::{Change, ConversationId, EphemeralEvent, Seq, UserId, Username};

/// Carries deliveries to the sockets of this node. Every worker receives every delivery, in the
/// order of the calls.
#[async_trait]
pub trait LocalBroadcast: Send + Sync {
    /// Waits while a worker's queue is full, but never for a client.
    async fn deliver(&self, delivery: Delivery);
}

/// An event for the sockets of this node. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// New changes in a conversation. How a socket reports a change depends on its cursor; see
    /// [`domain::Message::event_since`].
    Changes {
        conversation: ConversationId,
        /// After these changes, sockets are up to date to this number.
        to: Seq,
        /// Ascending by [`Change::seq`].
        changes: Arc<[Change]>,
    },
    /// Sockets may have wrong data for this conversation and must read it again.
    Reset(ConversationId),
    Ephemeral(Arc<EphemeralEvent>),
    Presence(Arc<PresenceUpdate>),
    /// The inbox of this account changed: a membership, read marker, mute, block or profile.
    Inbox(UserId),
    /// The account may have lost rights: its sockets must authenticate again.
    Recheck(UserId),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresenceUpdate {
    /// In order; empty when there were too many to list.
    pub moves: Vec<PresenceMove>,
    /// Everyone online, each once, sorted by code point.
    pub online: Vec<Username>,
}

/// A connection that opened or closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresenceMove {
    pub user: Username,
    pub joined: bool,
    /// The user came online or went offline by it: it was the first connection, or the last one.
    pub is_edge: bool,
}
