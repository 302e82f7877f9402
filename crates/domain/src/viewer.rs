use std::borrow::Cow;
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
        number > self.hidden_up_to && !self.blocks(author)
    }

    /// Returns whether the viewer blocks this user.
    #[must_use]
    pub fn blocks(&self, user: UserId) -> bool {
        self.blocked.contains(&user)
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

    /// Returns a message as the viewer sees it, without reactions of users whom the viewer blocks;
    /// `None` if the viewer may not see it.
    #[must_use]
    pub fn show(&self, message: &Arc<Message>) -> Option<Arc<Message>> {
        self.sees(message).then(|| self.redacted(message).unwrap_or_else(|| Arc::clone(message)))
    }

    fn redacted(&self, message: &Message) -> Option<Arc<Message>> {
        let reactions = message.reactions.without(&self.blocked)?;
        Some(Arc::new(Message { reactions, ..message.clone() }))
    }

    /// Returns whether the viewer may see the row of a member.
    #[must_use]
    pub fn sees_member(&self, member: &Member) -> bool {
        member.user == self.user || !self.blocks(member.user)
    }

    /// Returns a change as the viewer sees it; `None` if it is invisible. Invisible changes still
    /// count.
    #[must_use]
    pub fn show_change<'a>(&self, change: &'a Change) -> Option<Cow<'a, Change>> {
        let is_visible = match change {
            Change::Message(message) => self.sees(message),
            Change::Member(member) => self.sees_member(member),
            Change::Conversation(_) => true,
        };
        let redacted = match change {
            Change::Message(message) => self.redacted(message).map(Change::Message),
            Change::Member(_) | Change::Conversation(_) => None,
        };
        is_visible.then(|| redacted.map_or(Cow::Borrowed(change), Cow::Owned))
    }
}
