//! The conversation as a whole.

use std::sync::Arc;

use super::Case;
use crate::{
    Change, Conversation, ConversationKind, Details, HistoryRule, Refusal, Role, Title, Topic,
    Update,
};

impl Case<'_> {
    /// By who manages the group; what its members may see, by its owners.
    pub(super) fn set_details(
        &self,
        title: &Update<Title>,
        topic: &Update<Topic>,
        history: Option<HistoryRule>,
    ) -> Result<Change, Refusal> {
        let least = if history.is_some() { Role::Owner } else { Role::Admin };
        self.check_role(least)?;
        let before = &*self.here.conversation;
        let details = Details {
            title: title.over(before.details.title.as_ref()),
            topic: topic.over(before.details.topic.as_ref()),
            history: history.unwrap_or(before.details.history),
        };
        let is_other_view = details.history != before.details.history;
        let view_version = before.view_version.saturating_add(is_other_view.into());
        Ok(self.altered_conversation(Conversation { details, view_version, ..before.clone() }))
    }

    pub(super) fn close(&self) -> Result<Change, Refusal> {
        self.check_role(Role::Owner)?;
        let before = Conversation::clone(&self.here.conversation);
        Ok(self.altered_conversation(Conversation { deleted_at: Some(self.at), ..before }))
    }

    fn check_role(&self, least: Role) -> Result<(), Refusal> {
        let role = self.role()?;
        let is_group = self.here.conversation.kind == ConversationKind::Group;
        if is_group && role >= least { Ok(()) } else { Err(Refusal::Forbidden) }
    }

    fn altered_conversation(&self, conversation: Conversation) -> Change {
        let seq_last = self.next_seq();
        Change::Conversation(Arc::new(Conversation { seq_last, ..conversation }))
    }
}
