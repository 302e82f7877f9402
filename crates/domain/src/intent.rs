//! Requests to alter a conversation.

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
        /// Shows it as edited from the start; only the compat REST API asks for that.
        marked_edited: bool,
        reply_to: Option<MessageId>,
    },
    /// A `body` of `None` marks the message edited and keeps its text.
    Edit {
        message: MessageId,
        body: Option<MessageBody>,
        /// Refuses the edit if the message was edited another number of times.
        expected_edits: Option<i64>,
    },
    /// Leaves only a tombstone of a message.
    Delete {
        message: MessageId,
    },
    React {
        message: MessageId,
        emoji: Emoji,
        present: bool,
    },
    Pin {
        message: MessageId,
        pinned: bool,
    },
    Join {
        invite: InviteCode,
    },
    Add {
        user: UserId,
        role: Role,
    },
    Remove {
        user: UserId,
    },
    Leave,
    SetRole {
        user: UserId,
        role: Role,
    },
    /// Makes the actor an admin instead of an owner, if `successor` is an owner by now.
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
    /// A `history` of `None` keeps the rule as it is.
    SetDetails {
        title: Update<Title>,
        topic: Update<Topic>,
        history: Option<HistoryRule>,
    },
    /// Deletes the conversation.
    Close,
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
    /// The existing message that it concerns.
    #[must_use]
    pub fn message(&self) -> Option<MessageId> {
        match self {
            Self::Edit { message, .. }
            | Self::Delete { message }
            | Self::React { message, .. }
            | Self::Pin { message, .. } => Some(*message),
            Self::Send { reply_to, .. } => *reply_to,
            _ => None,
        }
    }

    /// The new text, if it sets one.
    #[must_use]
    pub fn body(&self) -> Option<&MessageBody> {
        match self {
            Self::Send { body, .. } | Self::Edit { body: Some(body), .. } => Some(body),
            _ => None,
        }
    }
}
