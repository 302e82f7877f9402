use application::ports::{BackendError, InviteStore, StoreError};
use async_trait::async_trait;
use domain::{ConversationId, Invite, InviteCode, Role, Timestamp};

use crate::store::InMemoryChat;

#[async_trait]
impl InviteStore for InMemoryChat {
    async fn add_invite(&self, invite: Invite) -> Result<(), StoreError> {
        self.state().invites.insert(invite.code, invite);
        Ok(())
    }

    async fn invite(&self, code: InviteCode) -> Result<Option<Invite>, BackendError> {
        Ok(self.state().invites.get(&code).copied())
    }

    async fn invites(
        &self,
        conversation: ConversationId,
        below: Role,
        before: Option<(Timestamp, InviteCode)>,
        limit: usize,
    ) -> Result<Vec<Invite>, BackendError> {
        let state = self.state();
        let position = |invite: &Invite| (invite.created_at, invite.code);
        let is_wanted = |invite: &&Invite| {
            invite.conversation == conversation
                && invite.role < below
                && !invite.revoked
                && before.is_none_or(|before| position(invite) < before)
        };
        let mut invites: Vec<_> = state.invites.values().filter(is_wanted).copied().collect();
        invites.sort_by_key(|invite| std::cmp::Reverse(position(invite)));
        invites.truncate(limit);
        Ok(invites)
    }

    async fn revoke_invite(
        &self,
        conversation: ConversationId,
        code: InviteCode,
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        let invite = state.invites.get_mut(&code);
        let invite = invite.filter(|i| i.conversation == conversation && !i.revoked);
        Ok(invite.map(|invite| invite.revoked = true).is_some())
    }
}
