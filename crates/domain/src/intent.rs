use crate::{
    ClientId, ConversationId, Emoji, HistoryRule, InviteCode, MessageBody, MessageId, Role,
    Timestamp, Title, Topic, UserId,
};

/// A request to alter a conversation; [`crate::policy::decide`] decides it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    pub conversation: ConversationId,
    pub actor: UserId,
    pub action: Action,
}

/// The ways to alter a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Idempotent by actor and `client_id`.
    Send {
        client_id: ClientId,
        body: MessageBody,
        /// Marks the message edited from the start; only the compat REST API uses this.
        marked_edited: bool,
        reply_to: Option<MessageId>,
    },
    /// A `body` of `None` marks the message edited and keeps its text.
    Edit {
        message: MessageId,
        body: Option<MessageBody>,
        expected: ExpectedEdits,
    },
    /// Replaces a message by a tombstone.
    Delete {
        message: MessageId,
        expected: ExpectedEdits,
    },
    React {
        message: MessageId,
        emoji: Emoji,
        present: bool,
    },
    /// Removes a reaction of another user. Without an `emoji`, removes all of a banned user, which
    /// follows the ban.
    Unreact {
        message: MessageId,
        user: UserId,
        emoji: Option<Emoji>,
    },
    Pin {
        message: MessageId,
        pinned: bool,
    },
    Join {
        invite: InviteCode,
    },
    /// Makes the user a member or, where the user wants to be asked, invites the user.
    Add {
        user: UserId,
        role: Role,
    },
    /// Accepts an invitation by [`Self::Add`].
    Accept,
    /// Declines an invitation by [`Self::Add`].
    Decline,
    Remove {
        user: UserId,
    },
    Leave,
    SetRole {
        user: UserId,
        role: Role,
    },
    /// Demotes the actor from owner to admin, if `successor` is an owner by then.
    StepDown {
        successor: UserId,
    },
    Ban {
        user: UserId,
    },
    Unban {
        user: UserId,
    },
    /// `None` ends the silence now.
    Silence {
        user: UserId,
        until: Option<Timestamp>,
    },
    /// A `history` of `None` keeps the current rule.
    SetDetails {
        title: Update<Title>,
        topic: Update<Topic>,
        history: Option<HistoryRule>,
    },
    /// Deletes the conversation.
    DeleteConversation,
}

/// The versions of a message that an action applies to, as numbers of edits. The action is refused
/// if the message has another number of edits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpectedEdits {
    Any,
    OneOf(Box<[i64]>),
}

impl ExpectedEdits {
    #[must_use]
    pub fn allows(&self, edits: i64) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(expected) => expected.contains(&edits),
        }
    }
}

impl From<Option<i64>> for ExpectedEdits {
    fn from(edits: Option<i64>) -> Self {
        edits.map_or(Self::Any, |edits| Self::OneOf([edits].into()))
    }
}

/// A change to an optional field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Update<T> {
    #[default]
    Keep,
    Set(Option<T>),
}

impl<T: Clone> Update<T> {
    pub(crate) fn over(&self, before: Option<&T>) -> Option<T> {
        match self {
            Self::Keep => before.cloned(),
            Self::Set(value) => value.clone(),
        }
    }
}

impl Action {
    /// Returns the existing message that the action concerns.
    #[must_use]
    pub fn message(&self) -> Option<MessageId> {
        match self {
            Self::Edit { message, .. }
            | Self::Delete { message, .. }
            | Self::React { message, .. }
            | Self::Unreact { message, .. }
            | Self::Pin { message, .. } => Some(*message),
            Self::Send { reply_to, .. } => *reply_to,
            _ => None,
        }
    }

    /// Returns the new text, if the action sets one.
    #[must_use]
    pub fn body(&self) -> Option<&MessageBody> {
        match self {
            Self::Send { body, .. } | Self::Edit { body: Some(body), .. } => Some(body),
            _ => None,
        }
    }
}
