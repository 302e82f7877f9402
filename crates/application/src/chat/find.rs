//! Reading single conversations and messages.

use std::collections::HashSet;
use std::sync::Arc;

use domain::{Account, ConversationId, Member, Message, MessageId, Refusal, UserId, Viewer};

use super::{Chat, ChatError, may_read};
use crate::ports::InboxEntry;

impl Chat {
    /// Checks whether the caller may read a conversation at all.
    pub async fn enter(
        &self,
        caller: &Account,
        conversation: ConversationId,
    ) -> Result<(), ChatError> {
        self.membership(caller, conversation).await.map(drop)
    }

    pub async fn conversation(
        &self,
        caller: &Account,
        conversation: ConversationId,
    ) -> Result<InboxEntry, ChatError> {
        if let Some(entry) = self.ports.inbox.conversation(caller.id, conversation).await? {
            return Ok(entry);
        }
        self.enter(caller, conversation).await?;
        Err(Refusal::NotFound.into())
    }

    pub async fn read(
        &self,
        caller: &Account,
        conversation: ConversationId,
        id: MessageId,
    ) -> Result<Arc<Message>, ChatError> {
        let reader = self.reader(caller, conversation).await?;
        let message = self.ports.conversations.message(conversation, id).await?;
        Ok(message.filter(|message| reader.sees(message)).ok_or(Refusal::NotFound)?)
    }

    /// Returns member rows of any status above `after`, ascending by id.
    pub async fn members(
        &self,
        caller: &Account,
        conversation: ConversationId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Member>, ChatError> {
        self.enter(caller, conversation).await?;
        Ok(self.ports.conversations.members(conversation, after, limit).await?)
    }

    pub async fn reader(
        &self,
        caller: &Account,
        conversation: ConversationId,
    ) -> Result<Viewer, ChatError> {
        let (conversation, member) = self.membership(caller, conversation).await?;
        let blocked = self.blocked_ids(caller.id).await?;
        Ok(Viewer::new(caller.id, &conversation, member.as_ref(), &blocked))
    }

    pub async fn blocked_ids(&self, user: UserId) -> Result<Arc<HashSet<UserId>>, ChatError> {
        let blocked = self.ports.inbox.blocked_by(user).await?;
        Ok(Arc::new(blocked.into_iter().map(|(id, _)| id).collect()))
    }

    pub(super) async fn membership(
        &self,
        caller: &Account,
        conversation: ConversationId,
    ) -> Result<(domain::Conversation, Option<Member>), ChatError> {
        let known = self.ports.conversations.membership(conversation, caller.id).await?;
        let (conversation, member) = known.ok_or(Refusal::NotFound)?;
        may_read(caller, &conversation, member.as_ref())?;
        Ok((conversation, member))
    }
}
