//! Changes a conversation.

use std::sync::Arc;

use domain::{
    Account, Action, ClientId, ConversationId, ExpectedEdits, Intent, Message, MessageBody,
    MessageId, Outcome, Refusal, Role, UserId, policy,
};

use super::{Chat, ChatError};
use crate::batcher::PendingBatch;
use crate::ports::{BackendError, RetryAfter};

impl Chat {
    /// Executes an action, and returns once it is on disk.
    pub async fn act(
        &self,
        caller: &Account,
        conversation: ConversationId,
        action: Action,
    ) -> Result<Outcome, ChatError> {
        let banned = match &action {
            Action::Ban { user } => Some(*user),
            _ => None,
        };
        let outcome = self.begin(caller, conversation, action).await?.answer().await?;
        if let Some(user) = banned {
            self.clear_reactions(caller, conversation, user).await?;
        }
        Ok(outcome)
    }

    /// The first half of [`Self::act`]. Actions that the caller begins after this returns are
    /// stored later.
    pub async fn begin(
        &self,
        caller: &Account,
        conversation: ConversationId,
        action: Action,
    ) -> Result<PendingOutcome, ChatError> {
        self.limits.message_by(caller.id).await?;
        self.limit_text(caller, &action).await?;
        // Strangers must not use up the members' rate.
        if self.limits.are_on() && self.sees(caller, conversation).await? {
            self.limits.message_in(conversation).await?;
        }
        Ok(self.enqueue(caller, conversation, action).await)
    }

    /// Like [`Self::begin`], if the caller is known to see the conversation.
    pub async fn begin_inside(
        &self,
        caller: &Account,
        conversation: ConversationId,
        action: Action,
    ) -> Result<PendingOutcome, ChatError> {
        self.limits.message(caller.id, conversation).await?;
        self.limit_text(caller, &action).await?;
        Ok(self.enqueue(caller, conversation, action).await)
    }

    async fn limit_text(&self, caller: &Account, action: &Action) -> Result<(), RetryAfter> {
        match action.body() {
            Some(body) => self.limits.text_by(caller.id, body.as_str().len()).await,
            None => Ok(()),
        }
    }

    pub(super) async fn enqueue(
        &self,
        caller: &Account,
        conversation: ConversationId,
        action: Action,
    ) -> PendingOutcome {
        let intent = Intent { conversation, actor: caller.id, action };
        PendingOutcome(self.batcher.begin(vec![intent]).await)
    }

    async fn sees(
        &self,
        caller: &Account,
        conversation: ConversationId,
    ) -> Result<bool, ChatError> {
        let known = self.ports.conversations.view(conversation, caller.id).await?;
        Ok(known.is_some_and(|view| policy::visible(&view.conversation, view.member.as_ref())))
    }

    /// Sends a message. With a `client_id`, a retry returns the message of the first attempt.
    pub async fn send(
        &self,
        caller: &Account,
        conversation: ConversationId,
        client_id: Option<ClientId>,
        body: MessageBody,
        marked_edited: bool,
    ) -> Result<Arc<Message>, ChatError> {
        let client_id = client_id.unwrap_or_else(|| self.ports.ids.client_id());
        let action = Action::Send { client_id, body, marked_edited, reply_to: None };
        message(&self.act(caller, conversation, action).await?)
    }

    /// Edits the caller's message; `None` marks it edited and keeps the text.
    pub async fn edit(
        &self,
        caller: &Account,
        conversation: ConversationId,
        message: MessageId,
        body: Option<MessageBody>,
    ) -> Result<Arc<Message>, ChatError> {
        let action = Action::Edit { message, body, expected: ExpectedEdits::Any };
        self::message(&self.act(caller, conversation, action).await?)
    }

    /// Replaces a message by a tombstone.
    pub async fn delete(
        &self,
        caller: &Account,
        conversation: ConversationId,
        message: MessageId,
    ) -> Result<(), ChatError> {
        let action = Action::Delete { message, expected: ExpectedEdits::Any };
        self.act(caller, conversation, action).await.map(drop)
    }

    /// Makes another member an owner, and the caller an admin.
    pub async fn transfer_ownership(
        &self,
        caller: &Account,
        conversation: ConversationId,
        user: UserId,
    ) -> Result<(), ChatError> {
        if user == caller.id {
            return Err(Refusal::Forbidden.into());
        }
        self.limits.message_by(caller.id).await?;
        let intent = |action| Intent { conversation, actor: caller.id, action };
        // Both run in one batch; the second does nothing unless the first succeeded.
        let steps = vec![
            intent(Action::SetRole { user, role: Role::Owner }),
            intent(Action::StepDown { successor: user }),
        ];
        for answer in self.batcher.submit(steps).await {
            answer?;
        }
        Ok(())
    }
}

/// An action that is being stored.
#[derive(Debug)]
#[must_use]
pub struct PendingOutcome(PendingBatch);

impl PendingOutcome {
    pub async fn answer(self) -> Result<Outcome, ChatError> {
        Ok(self.0.answer().await?)
    }
}

fn message(outcome: &Outcome) -> Result<Arc<Message>, ChatError> {
    let missing = || BackendError::new("act on a message", "the outcome has no message");
    outcome.message().cloned().ok_or_else(|| ChatError::Failed(missing()))
}
