//! Invitations to users who want to be asked before they are added to a group.

use domain::{Account, Action, ConversationId, Refusal, policy};

use super::{Chat, ChatError};
use crate::ports::{InboxEntry, Invitation};

impl Chat {
    /// Returns the caller's open invitations.
    pub async fn invitations(&self, caller: &Account) -> Result<Vec<Invitation>, ChatError> {
        Ok(self.ports.inbox.invitations(caller.id, policy::MAX_INVITATIONS).await?)
    }

    /// Makes the caller a member of a group that has invited the caller. A retry changes nothing.
    pub async fn accept_invitation(
        &self,
        caller: &Account,
        conversation: ConversationId,
    ) -> Result<InboxEntry, ChatError> {
        match self.act(caller, conversation, Action::Accept).await {
            // A member already, or the refusal comes again below.
            Err(ChatError::Refused(Refusal::NotFound)) => {}
            outcome => drop(outcome?),
        }
        self.conversation(caller, conversation).await
    }

    pub async fn decline_invitation(
        &self,
        caller: &Account,
        conversation: ConversationId,
    ) -> Result<(), ChatError> {
        self.act(caller, conversation, Action::Decline).await.map(drop)
    }
}
