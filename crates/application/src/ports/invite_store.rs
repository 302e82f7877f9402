use async_trait::async_trait;
use domain::{ConversationId, Invite, InviteCode, Role, Timestamp};

use super::{BackendError, StoreError};

/// Stores invitations. [`ConversationStore::commit`](super::ConversationStore::commit) counts
/// their use.
///
/// Every adapter passes `testkit::invite_store_contract!`.
#[async_trait]
pub trait InviteStore: Send + Sync {
    async fn add_invite(&self, invite: Invite) -> Result<(), StoreError>;

    async fn invite(&self, code: InviteCode) -> Result<Option<Invite>, BackendError>;

    /// Returns invitations of a conversation to roles below the given one, except revoked ones;
    /// newest first, older than `before` if given. At most `limit`.
    async fn invites(
        &self,
        conversation: ConversationId,
        below: Role,
        before: Option<(Timestamp, InviteCode)>,
        limit: usize,
    ) -> Result<Vec<Invite>, BackendError>;

    /// Returns whether there was an invitation to revoke.
    async fn revoke_invite(
        &self,
        conversation: ConversationId,
        code: InviteCode,
    ) -> Result<bool, StoreError>;
}
