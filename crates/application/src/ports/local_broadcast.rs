//! The way to the sockets of this node.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{Change, ConversationId, EphemeralEvent, Seq, UserId, Username};

/// Carries deliveries to the sockets of this node.
///
/// Every delivery reaches every worker, in the order of the calls.
#[async_trait]
pub trait LocalBroadcast: Send + Sync {
    /// Hands a delivery over; waits while a worker has too many before it, and
    /// never for a client.
    async fn deliver(&self, delivery: Delivery);
}

/// Something that sockets of this node may want to know. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// A conversation went on. What a socket is told of a change depends on
    /// its cursor; see [`domain::Message::event_since`].
    Changes {
        /// Which.
        conversation: ConversationId,
        /// Up to where sockets know everything once they have these.
        to: Seq,
        /// In the order of [`Change::seq`].
        changes: Arc<[Change]>,
    },
    /// What sockets know of this conversation may be wrong: read it again.
    Reset(ConversationId),
    /// The others in a conversation are to notice somebody for a moment.
    Ephemeral(Arc<EphemeralEvent>),
    /// Who is in the lobby changed.
    Presence(Arc<PresenceUpdate>),
    /// What this account alone is shown has become another: it came or went
    /// somewhere, moved a marker, muted or blocked, or altered its profile.
    Inbox(UserId),
    /// The rights of this account may have ended: its sockets are to prove themselves again.
    Recheck(UserId),
}

/// Who came, who went, and who is there now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresenceUpdate {
    /// Comings (`true`) and goings, in order; empty when there were too many to tell.
    pub moves: Vec<(Username, bool)>,
    /// Everyone in the lobby, each once, sorted by code point.
    pub online: Vec<Username>,
}
