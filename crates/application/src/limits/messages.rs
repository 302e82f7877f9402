use domain::{ConversationId, UserId};

use super::{LimitRules, Limits};
use crate::ports::{LimitScope, RetryAfter};

impl Limits {
    /// An account writes in a conversation.
    ///
    /// # Errors
    ///
    /// [`RetryAfter`] when the account or the conversation exceeds its rate. The same holds
    /// below.
    pub async fn message(
        &self,
        user: UserId,
        conversation: ConversationId,
    ) -> Result<(), RetryAfter> {
        self.message_by(user).await?;
        self.message_in(conversation).await
    }

    pub async fn message_by(&self, user: UserId) -> Result<(), RetryAfter> {
        let quota = |rules: &LimitRules| rules.messages_by_account;
        self.take(LimitScope::MessagesByAccount, number(user.get()), quota).await
    }

    pub async fn message_in(&self, conversation: ConversationId) -> Result<(), RetryAfter> {
        let quota = |rules: &LimitRules| rules.messages_by_conversation;
        self.take(LimitScope::MessagesByConversation, number(conversation.get()), quota).await
    }
}

pub(super) fn number(id: i64) -> u128 {
    id.cast_unsigned().into()
}
