//! Where invitations are kept.

use async_trait::async_trait;
use domain::{ConversationId, Invite, InviteCode, Role, Timestamp};

use super::{BackendError, StoreError};

/// Where invitations are kept. Their use is counted by
/// [`ConversationStore::commit`](super::ConversationStore::commit).
///
/// Every adapter passes `testkit::invite_store_contract!`.
#[async_trait]
pub trait InviteStore: Send + Sync {
    /// Keeps a new invitation.
    async fn add_invite(&self, invite: Invite) -> Result<(), StoreError>;

    /// The invitation with this code.
    async fn invite(&self, code: InviteCode) -> Result<Option<Invite>, BackendError>;

    /// Those of a conversation to roles below one that were not taken back, the
    /// newest first, older than `before` if that is given. At most `limit`.
    async fn invites(
        &self,
        conversation: ConversationId,
        below: Role,
        before: Option<(Timestamp, InviteCode)>,
        limit: usize,
    ) -> Result<Vec<Invite>, BackendError>;

    /// Takes an invitation of this conversation back; says whether there was one.
    async fn revoke_invite(
        &self,
        conversation: ConversationId,
        code: InviteCode,
    ) -> Result<bool, StoreError>;
}
