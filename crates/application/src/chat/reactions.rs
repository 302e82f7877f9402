//! Reactions of banned users.

use domain::{Account, Action, ConversationId, Intent, Refusal, UserId};

use super::{Chat, ChatError};
use crate::batcher::CommitError;
use crate::ports::BackendError;

/// Messages whose reactions are removed in one batch.
const AT_ONCE: usize = 100;

impl Chat {
    /// Removes all reactions of a user whom the caller has banned. Goes on if the caller vanishes.
    pub(super) async fn clear_reactions(
        &self,
        caller: &Account,
        conversation: ConversationId,
        user: UserId,
    ) -> Result<(), ChatError> {
        let (chat, actor) = (self.clone(), caller.id);
        let clearing = async move { chat.clear_all_reactions(actor, conversation, user).await };
        let failed = |cause| ChatError::Failed(BackendError::new("remove reactions", cause));
        tokio::spawn(clearing).await.map_err(failed)?
    }

    async fn clear_all_reactions(
        &self,
        actor: UserId,
        conversation: ConversationId,
        user: UserId,
    ) -> Result<(), ChatError> {
        loop {
            let store = &self.ports.conversations;
            let reacted = store.reacted_by(conversation, user, AT_ONCE).await?;
            if reacted.is_empty() {
                return Ok(());
            }
            let unreact = |message| Action::Unreact { message, user, emoji: None };
            let intent = |message| Intent { conversation, actor, action: unreact(message) };
            let mut has_removed = false;
            for answer in self.batcher.submit(reacted.into_iter().map(intent).collect()).await {
                match answer {
                    Ok(_) => has_removed = true,
                    // The message was deleted meanwhile.
                    Err(CommitError::Refused(Refusal::NotFound)) => {}
                    // The ban was lifted meanwhile.
                    Err(CommitError::Refused(_)) => return Ok(()),
                    Err(error) => return Err(error.into()),
                }
            }
            // The actor has left meanwhile.
            if !has_removed {
                return Ok(());
            }
        }
    }
}
