//! Paging through what was said.

use std::sync::Arc;

use domain::{Account, ConversationId, Message, MsgNo, Timestamp};

use super::{Chat, ChatError};
use crate::ports::{MessagePage, PageRange};

impl Chat {
    /// Messages between two places, as far as the caller may see them.
    ///
    /// # Errors
    ///
    /// See [`ChatError`]; likewise below.
    pub async fn page(
        &self,
        caller: &Account,
        conversation: ConversationId,
        range: PageRange,
        limit: usize,
    ) -> Result<MessagePage, ChatError> {
        let reader = self.reader(caller, conversation).await?;
        let range = PageRange { after: range.after.max(reader.hidden_up_to()), ..range };
        let mut page = self.ports.conversations.page(conversation, range, limit).await?;
        page.messages.retain(|message| reader.sees(message));
        Ok(page)
    }

    /// Pinned messages, the newest pin first.
    pub async fn pinned(
        &self,
        caller: &Account,
        conversation: ConversationId,
        before: Option<Timestamp>,
        limit: usize,
    ) -> Result<Vec<Arc<Message>>, ChatError> {
        let reader = self.reader(caller, conversation).await?;
        let hidden: MsgNo = reader.hidden_up_to();
        let store = &self.ports.conversations;
        let mut pinned = store.pinned(conversation, hidden, before, limit).await?;
        pinned.retain(|message| reader.sees(message));
        Ok(pinned)
    }
}
