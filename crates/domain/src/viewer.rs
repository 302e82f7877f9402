//! What one reader of a conversation may see of it.

use std::collections::HashSet;
use std::sync::Arc;

use crate::{Change, Conversation, Member, Message, MsgNo, UserId, policy};

/// What one reader of a conversation may see of it. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    user: UserId,
    hidden_up_to: MsgNo,
    blocked: Arc<HashSet<UserId>>,
    /// Of the conversation and of the member: what it may see is as of these.
    views: (i64, i64),
}

impl Viewer {
    /// Somebody who may read the conversation, given its member row, and whom
    /// it blocks.
    #[must_use]
    pub fn new(
        user: UserId,
        conversation: &Conversation,
        member: Option<&Member>,
        blocked: &Arc<HashSet<UserId>>,
    ) -> Self {
        Self {
            user,
            hidden_up_to: policy::hidden_up_to(conversation, member),
            blocked: Arc::clone(blocked),
            views: (conversation.view_version, member.map_or(0, |member| member.view_version)),
        }
    }

    /// The last message that is hidden for being older than one's joining.
    #[must_use]
    pub fn hidden_up_to(&self) -> MsgNo {
        self.hidden_up_to
    }

    /// Whether it may see a message, and what becomes of it.
    #[must_use]
    pub fn sees(&self, message: &Message) -> bool {
        self.may_see(message.msg_no, message.author.id)
    }

    /// [`Self::sees`], of a message of which only this much is known.
    #[must_use]
    pub fn may_see(&self, number: MsgNo, author: UserId) -> bool {
        number > self.hidden_up_to && self.notices(author)
    }

    /// Whether it is shown what somebody does in passing.
    #[must_use]
    pub fn notices(&self, user: UserId) -> bool {
        !self.blocked.contains(&user)
    }

    /// Whether it may see something else, or nothing any more, from this change
    /// on: of what comes after it, nothing is to be told before it is known what.
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

    /// Whether it is told of a change; if not, the change still happened.
    #[must_use]
    pub fn can_see_change(&self, change: &Change) -> bool {
        match change {
            Change::Message(message) => self.sees(message),
            Change::Member(_) | Change::Conversation(_) => true,
        }
    }
}
