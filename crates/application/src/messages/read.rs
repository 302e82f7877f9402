//! Reading one message.

use std::sync::Arc;

use domain::{Account, ConversationId, Message, MessageId};

use super::{MessageError, Messages};

impl Messages {
    /// One message of a conversation that the caller may read.
    ///
    /// # Errors
    ///
    /// See [`MessageError`].
    pub async fn read(
        &self,
        caller: &Account,
        conversation: ConversationId,
        id: MessageId,
    ) -> Result<Arc<Message>, MessageError> {
        self.enter(caller, conversation).await?;
        self.store.message(conversation, id).await?.ok_or(MessageError::NotFound)
    }
}
