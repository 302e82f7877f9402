//! Changing and deleting conversations.

use std::sync::Arc;

use super::{Context, DecideError};
use crate::{Change, Conversation, Details, HistoryRule, Refusal, Role, Title, Topic, Update};

impl Context<'_> {
    /// Admins may set title and topic; only owners may set the history rule.
    pub(super) fn set_details(
        &self,
        title: &Update<Title>,
        topic: &Update<Topic>,
        history: Option<HistoryRule>,
    ) -> Result<Change, DecideError> {
        let required = if history.is_some() { Role::Owner } else { Role::Admin };
        self.check_role(required)?;
        let before = &*self.conversation.conversation;
        let details = Details {
            title: title.over(before.details.title.as_ref()),
            topic: topic.over(before.details.topic.as_ref()),
            history: history.unwrap_or(before.details.history),
        };
        let changes_view = details.history != before.details.history;
        let view_version = before.view_version.saturating_add(changes_view.into());
        Ok(self.changed_conversation(Conversation { details, view_version, ..before.clone() }))
    }

    pub(super) fn close(&self) -> Result<Change, DecideError> {
        self.check_role(Role::Owner)?;
        let deleted_at = Some(self.changed_at());
        let before = Conversation::clone(&self.conversation.conversation);
        Ok(self.changed_conversation(Conversation { deleted_at, ..before }))
    }

    fn check_role(&self, required: Role) -> Result<(), DecideError> {
        let role = self.role()?;
        if self.is_group() && role >= required { Ok(()) } else { Err(Refusal::Forbidden.into()) }
    }

    fn changed_conversation(&self, conversation: Conversation) -> Change {
        let seq_last = self.next_seq();
        Change::Conversation(Arc::new(Conversation { seq_last, ..conversation }))
    }
}
