//! What one reader of a conversation may see of it.

use std::collections::HashSet;
use std::sync::Arc;

use crate::{Change, Conversation, Member, Message, MsgNo, UserId, policy};

/// What one reader of a conversation may see of it. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    hidden_up_to: MsgNo,
    blocked: Arc<HashSet<UserId>>,
}

impl Reader {
    /// Somebody who may read the conversation, given its member row, and whom
    /// it blocks.
    #[must_use]
    pub fn new(
        conversation: &Conversation,
        member: Option<&Member>,
        blocked: &Arc<HashSet<UserId>>,
    ) -> Self {
        Self {
            hidden_up_to: policy::hidden_up_to(conversation, member),
            blocked: Arc::clone(blocked),
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
        message.msg_no > self.hidden_up_to && self.notices(message.author.id)
    }

    /// Whether it is shown what somebody does in passing.
    #[must_use]
    pub fn notices(&self, user: UserId) -> bool {
        !self.blocked.contains(&user)
    }

    /// Whether it is told of a change; if not, the change still happened.
    #[must_use]
    pub fn is_told(&self, change: &Change) -> bool {
        match change {
            Change::Message(message) => self.sees(message),
            Change::Member(_) | Change::Conversation(_) => true,
        }
    }
}
