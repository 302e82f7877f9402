use domain::{
    Account, Action, Conversation, ConversationId, Invite, InviteCode, Refusal, Role, Timestamp,
    policy,
};

use super::{Chat, ChatError};
use crate::ports::{ConversationView, InboxEntry};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewInvite {
    pub role: Role,
    /// `None` if it never expires.
    pub expires_at: Option<Timestamp>,
    /// `None` if unlimited.
    pub max_uses: Option<u32>,
}

impl Chat {
    /// Creates an invitation to a group that the caller manages.
    pub async fn invite(
        &self,
        caller: &Account,
        conversation: ConversationId,
        new: NewInvite,
    ) -> Result<Invite, ChatError> {
        self.limits.message_by(caller.id).await?;
        if new.role >= self.manageable_invites_below(caller, conversation).await? {
            return Err(Refusal::Forbidden.into());
        }
        let now = self.ports.clock.now();
        if let Some(expires_at) = new.expires_at {
            policy::may_last_until(expires_at, now)?;
        }
        let invite = Invite {
            code: self.ports.ids.invite_code(),
            conversation,
            created_by: caller.id,
            created_at: now,
            role: new.role,
            expires_at: new.expires_at,
            max_uses: new.max_uses,
            uses: 0,
            revoked: false,
        };
        self.ports.invites.add_invite(invite).await?;
        Ok(invite)
    }

    /// Returns a group's invitations to roles below the caller's, except revoked ones; newest
    /// first.
    pub async fn invites(
        &self,
        caller: &Account,
        conversation: ConversationId,
        before: Option<(Timestamp, InviteCode)>,
        limit: usize,
    ) -> Result<Vec<Invite>, ChatError> {
        let below = self.manageable_invites_below(caller, conversation).await?;
        Ok(self.ports.invites.invites(conversation, below, before, limit).await?)
    }

    pub async fn revoke_invite(
        &self,
        caller: &Account,
        conversation: ConversationId,
        code: InviteCode,
    ) -> Result<(), ChatError> {
        let below = self.manageable_invites_below(caller, conversation).await?;
        let invite = self.ports.invites.invite(code).await?;
        if invite.is_none_or(|invite| invite.role >= below) {
            return Err(Refusal::NotFound.into());
        }
        let was_there = self.ports.invites.revoke_invite(conversation, code).await?;
        if was_there { Ok(()) } else { Err(Refusal::NotFound.into()) }
    }

    /// Returns where a valid invitation leads.
    pub async fn invited_to(
        &self,
        caller: &Account,
        code: InviteCode,
    ) -> Result<(Invite, Conversation), ChatError> {
        // Prevents guessing codes.
        self.limits.message_by(caller.id).await?;
        let invite = self.ports.invites.invite(code).await?.ok_or(Refusal::NotFound)?;
        let maker = self.ports.accounts.by_id(invite.created_by).await?;
        let is_active = maker.is_some_and(|maker| maker.active);
        // As its maker sees the group, because the caller may see nothing of it yet.
        let view = self.ports.conversations.view(invite.conversation, invite.created_by).await?;
        let ConversationView { conversation, member, .. } = view.ok_or(Refusal::NotFound)?;
        let (member, now) = (member.as_ref(), self.ports.clock.now());
        if policy::is_invite_valid(&invite, &conversation, is_active, member, now) {
            Ok((invite, conversation))
        } else {
            Err(Refusal::NotFound.into())
        }
    }

    /// Joins by an invitation. Members keep their role.
    pub async fn join(&self, caller: &Account, code: InviteCode) -> Result<InboxEntry, ChatError> {
        self.limits.message_by(caller.id).await?;
        let invite = self.ports.invites.invite(code).await?.ok_or(Refusal::NotFound)?;
        let joining = self.enqueue(caller, invite.conversation, Action::Join { invite: code });
        let joining = joining.await.answer().await;
        match joining {
            Ok(_) | Err(ChatError::Refused(Refusal::AlreadyMember)) => {
                self.conversation(caller, invite.conversation).await
            }
            Err(error) => Err(error),
        }
    }

    async fn manageable_invites_below(
        &self,
        caller: &Account,
        conversation: ConversationId,
    ) -> Result<Role, ChatError> {
        let (view, _) = self.view(caller, conversation).await?;
        let below = policy::manageable_invites_below(&view.conversation, view.member.as_ref());
        Ok(below.ok_or(Refusal::Forbidden)?)
    }
}
