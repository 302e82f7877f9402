use std::collections::HashSet;
use std::sync::Arc;

use crate::{Change, Conversation, Member, Message, MsgNo, Refusal, UserId, policy};

/// Determines what a user may see of a conversation. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    user: UserId,
    hidden_up_to: MsgNo,
    blocked: Arc<HashSet<UserId>>,
    /// The view versions of the conversation and the member, for which this viewer is valid.
    views: (i64, i64),
}

impl Viewer {
    /// Refused unless the user may read the conversation.
    pub fn new(
        user: UserId,
        conversation: &Conversation,
        member: Option<&Member>,
        blocked: &Arc<HashSet<UserId>>,
    ) -> Result<Self, Refusal> {
        policy::role(conversation, member)?;
        Ok(Self {
            user,
            hidden_up_to: policy::hidden_up_to(conversation, member),
            blocked: Arc::clone(blocked),
            views: (conversation.view_version, member.map_or(0, |member| member.view_version)),
        })
    }

    /// The newest message that is hidden because it is older than the viewer's joining.
    #[must_use]
    pub fn hidden_up_to(&self) -> MsgNo {
        self.hidden_up_to
    }

    /// Returns whether the viewer may see a message and its changes.
    #[must_use]
    pub fn sees(&self, message: &Message) -> bool {
        self.may_see(message.msg_no, message.author.id)
    }

    /// [`Self::sees`], from the number and author of a message alone.
    #[must_use]
    pub fn may_see(&self, number: MsgNo, author: UserId) -> bool {
        number > self.hidden_up_to && self.notices(author)
    }

    /// Returns whether the viewer receives this user's ephemeral events.
    #[must_use]
    pub fn notices(&self, user: UserId) -> bool {
        !self.blocked.contains(&user)
    }

    /// Returns whether this change alters or ends the viewer's view. Later changes must wait
    /// until the new view is loaded.
    #[must_use]
    pub fn is_stale_after(&self, change: &Change) -> bool {
        let (of_conversation, of_member) = self.views;
        match change {
            Change::Message(_) => false,
            Change::Member(member) => {
                let is_left = member.view_version == of_member && !member.is_active();
                member.user == self.user && (member.view_version > of_member || is_left)
            }
            Change::Conversation(conversation) => {
                conversation.deleted_at.is_some() || conversation.view_version > of_conversation
            }
        }
    }

    /// Returns whether the viewer may see a change; invisible changes still count.
    #[must_use]
    pub fn can_see_change(&self, change: &Change) -> bool {
        match change {
            Change::Message(message) => self.sees(message),
            Change::Member(_) | Change::Conversation(_) => true,
        }
    }
}
