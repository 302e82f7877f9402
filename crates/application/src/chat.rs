//! The use cases of conversations.

mod act;
mod blocks;
mod catch_up;
mod ephemeral;
mod export;
mod inbox;
mod invitations;
mod invites;
mod manage_groups;
mod moderation_log;
mod open;
mod per_user_guard;
mod reactions;
mod read;
mod search;
mod typing_throttle;

use std::sync::Arc;

use domain::{Account, Refusal};
use tokio::sync::Semaphore;

use self::per_user_guard::PerUserGuards;
use self::typing_throttle::TypingThrottle;
use crate::batcher::{Batcher, CommitError};
use crate::hub::Hub;
use crate::limits::{ClientAddress, Limits, ReadPermit};
use crate::ports::{
    AccountStore, AuditLog, BackendError, Clock, ConversationStore, IdSource, InboxStore,
    InviteStore, RetryAfter, StoreError,
};

pub use act::PendingOutcome;
pub use catch_up::{CatchUp, Cursor};
pub use export::Export;
pub use invites::NewInvite;
pub use manage_groups::{ManageGroups, ManageGroupsError};
pub use read::{VisibleMembers, VisiblePage, VisiblePins};

/// Reads and changes conversations. Cheap to clone.
#[derive(Clone)]
pub struct Chat {
    ports: ChatPorts,
    batcher: Batcher,
    hub: Hub,
    limits: Limits,
    typing_throttle: Arc<TypingThrottle>,
    exports: PerUserGuards,
    searching: PerUserGuards,
    searches: Arc<Semaphore>,
}

/// The ports of [`Chat`]. Cheap to clone.
#[derive(Clone)]
pub struct ChatPorts {
    pub conversations: Arc<dyn ConversationStore>,
    pub inbox: Arc<dyn InboxStore>,
    pub invites: Arc<dyn InviteStore>,
    pub audits: Arc<dyn AuditLog>,
    pub accounts: Arc<dyn AccountStore>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdSource>,
}

impl Chat {
    #[must_use]
    pub fn new(ports: ChatPorts, batcher: Batcher, hub: Hub, limits: Limits) -> Self {
        Self {
            ports,
            batcher,
            hub,
            limits,
            typing_throttle: Arc::default(),
            exports: PerUserGuards::default(),
            searching: PerUserGuards::default(),
            searches: Arc::new(Semaphore::new(search::MAX_SEARCHES)),
        }
    }

    /// Call this before an account reads over REST, and keep the permit until the client has got
    /// the answer.
    pub async fn begin_read(
        &self,
        caller: &Account,
        address: ClientAddress,
    ) -> Result<ReadPermit, RetryAfter> {
        self.limits.read(caller.id, address).await
    }

    /// Call this before a socket subscribes to a conversation.
    pub async fn begin_subscribe(&self, caller: &Account) -> Result<(), RetryAfter> {
        self.limits.read_by(caller.id).await
    }
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum ChatError {
    /// The policy refused it; nothing was stored.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The caller or the conversation exceeds its message rate; nothing was stored.
    #[error(transparent)]
    Limited(#[from] RetryAfter),
    /// The store cannot be reached; see [`CommitError::Unavailable`].
    #[error("the store cannot be reached")]
    Unavailable(#[from] BackendError),
    /// The store refused it; nothing was stored.
    #[error("the store refused the write")]
    Failed(#[source] BackendError),
}

impl From<CommitError> for ChatError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Unavailable(cause) => Self::Unavailable(cause),
            CommitError::Failed(cause) => Self::Failed(cause),
            CommitError::Refused(refusal) => Self::Refused(refusal),
        }
    }
}

impl From<StoreError> for ChatError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unreachable(cause) => Self::Unavailable(cause),
            StoreError::Failed(cause) => Self::Failed(cause),
        }
    }
}
