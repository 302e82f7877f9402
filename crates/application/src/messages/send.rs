//! Saying something.

use std::sync::Arc;

use domain::{Account, Action, ClientId, ConversationId, Intent, Message, MessageBody};

use super::{MessageError, Messages};

impl Messages {
    /// Sends a message, and answers once it is on disk. With a `client_id` a
    /// retry gets the message of the first attempt.
    ///
    /// # Errors
    ///
    /// See [`MessageError`].
    pub async fn send(
        &self,
        caller: &Account,
        conversation: ConversationId,
        client_id: Option<ClientId>,
        body: MessageBody,
        marked_edited: bool,
    ) -> Result<Arc<Message>, MessageError> {
        let client_id = client_id.unwrap_or_else(|| self.ids.client_id());
        let action = Action::Send { client_id, body, marked_edited, reply_to: None };
        self.commit(Intent { conversation, actor: caller.id, action }).await
    }

    pub(super) async fn commit(&self, intent: Intent) -> Result<Arc<Message>, MessageError> {
        self.limits.message(intent.actor, intent.conversation).await?;
        let outcome = self.batcher.submit_one(intent).await?;
        outcome.message().cloned().ok_or(MessageError::Failed)
    }
}
