//! Editing and deleting.

use std::sync::Arc;

use domain::{Account, Action, ConversationId, Intent, Message, MessageBody, MessageId};

use super::{MessageError, Messages};

impl Messages {
    /// Sets the text of one's message; `None` marks it edited and keeps the text.
    ///
    /// # Errors
    ///
    /// See [`MessageError`].
    pub async fn edit(
        &self,
        caller: &Account,
        conversation: ConversationId,
        id: MessageId,
        body: Option<MessageBody>,
    ) -> Result<Arc<Message>, MessageError> {
        let action = Action::Edit { message: id, body, expected_edits: None };
        self.commit(Intent { conversation, actor: caller.id, action }).await
    }

    /// Leaves only a tombstone of one's message.
    ///
    /// # Errors
    ///
    /// See [`MessageError`].
    pub async fn delete(
        &self,
        caller: &Account,
        conversation: ConversationId,
        id: MessageId,
    ) -> Result<(), MessageError> {
        let action = Action::Delete { message: id };
        self.commit(Intent { conversation, actor: caller.id, action }).await.map(drop)
    }
}
