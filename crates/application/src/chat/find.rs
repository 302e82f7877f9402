//! Reading single conversations and messages.

use std::sync::Arc;

use domain::{Account, ConversationId, Member, Message, MessageId, Refusal, UserId, Viewer};

use super::{Chat, ChatError};
use crate::ports::{ConversationView, InboxEntry};

impl Chat {
    /// Returns a conversation that the caller may read, and what the caller sees of it.
    pub async fn view(
        &self,
        caller: &Account,
        conversation: ConversationId,
    ) -> Result<(ConversationView, Viewer), ChatError> {
        if !caller.active {
            return Err(Refusal::NoAccount.into());
        }
        let view = self.ports.conversations.view(conversation, caller.id).await?;
        let view = view.ok_or(Refusal::NotFound)?;
        let member = view.member.as_ref();
        let viewer = Viewer::new(caller.id, &view.conversation, member, &view.blocked)?;
        Ok((view, viewer))
    }

    pub async fn conversation(
        &self,
        caller: &Account,
        conversation: ConversationId,
    ) -> Result<InboxEntry, ChatError> {
        if let Some(entry) = self.ports.inbox.conversation(caller.id, conversation).await? {
            return Ok(entry);
        }
        // The refusal says why.
        self.view(caller, conversation).await?;
        Err(Refusal::NotFound.into())
    }

    pub async fn read(
        &self,
        caller: &Account,
        conversation: ConversationId,
        id: MessageId,
    ) -> Result<Arc<Message>, ChatError> {
        let (_, viewer) = self.view(caller, conversation).await?;
        let message = self.ports.conversations.message(conversation, id).await?;
        Ok(message.filter(|message| viewer.sees(message)).ok_or(Refusal::NotFound)?)
    }

    /// Returns member rows of any status above `after`, ascending by id.
    pub async fn members(
        &self,
        caller: &Account,
        conversation: ConversationId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Member>, ChatError> {
        self.view(caller, conversation).await?;
        Ok(self.ports.conversations.members(conversation, after, limit).await?)
    }
}
