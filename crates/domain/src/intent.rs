//! What somebody wants to do to a conversation.

use crate::{
    ClientId, ConversationId, Emoji, HistoryRule, InviteCode, MessageBody, MessageId, Role,
    Timestamp, Title, Topic, UserId,
};

/// Somebody's wish to alter a conversation; [`crate::policy::decide`] judges it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// Where.
    pub conversation: ConversationId,
    /// Who wishes it.
    pub actor: UserId,
    /// What.
    pub action: Action,
}

/// The ways to alter a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Say something. Idempotent by actor and `client_id`.
    Send {
        /// The sender's name for it.
        client_id: ClientId,
        /// What to say.
        body: MessageBody,
        /// Show it as edited from the start; only the compat REST face asks for that.
        marked_edited: bool,
        /// What it answers.
        reply_to: Option<MessageId>,
    },
    /// Set the text of one's message; `None` marks it edited and keeps the text.
    Edit {
        /// Which.
        message: MessageId,
        /// What it says from now on.
        body: Option<MessageBody>,
        /// How often it was edited, as far as the actor knows; `None` if that does not matter.
        expected_edits: Option<i64>,
    },
    /// Leave only a tombstone of a message.
    Delete {
        /// Which.
        message: MessageId,
    },
    /// Put an emoji to a message, or take it back.
    React {
        /// Which.
        message: MessageId,
        /// With what.
        emoji: Emoji,
        /// Whether it is to be there.
        present: bool,
    },
    /// Pin a message, or unpin it.
    Pin {
        /// Which.
        message: MessageId,
        /// Whether it is to be pinned.
        pinned: bool,
    },
    /// Take part, by an invitation.
    Join {
        /// Its secret.
        invite: InviteCode,
    },
    /// Let somebody take part.
    Add {
        /// Whom.
        user: UserId,
        /// As what.
        role: Role,
    },
    /// Let somebody take no further part.
    Remove {
        /// Whom.
        user: UserId,
    },
    /// Take no further part.
    Leave,
    /// Make somebody something else.
    SetRole {
        /// Whom.
        user: UserId,
        /// What.
        role: Role,
    },
    /// Be an admin instead of an owner, if somebody else is one by now.
    StepDown {
        /// Who.
        successor: UserId,
    },
    /// Shut somebody out.
    Ban {
        /// Whom.
        user: UserId,
    },
    /// Shut somebody out no longer.
    Unban {
        /// Whom.
        user: UserId,
    },
    /// Let somebody only read for a time.
    Silence {
        /// Whom.
        user: UserId,
        /// Until when; `None` ends it now.
        until: Option<Timestamp>,
    },
    /// Alter the conversation as a whole.
    SetDetails {
        /// Its name.
        title: Update<Title>,
        /// What it is about.
        topic: Update<Topic>,
        /// What those who join may see; `None` keeps what is.
        history: Option<HistoryRule>,
    },
    /// Delete the conversation.
    Close,
}

/// What becomes of something that may be absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Update<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// It is this from now on, or absent.
    Set(Option<T>),
}

impl<T: Clone> Update<T> {
    /// What there is afterwards.
    pub(crate) fn over(&self, before: Option<&T>) -> Option<T> {
        match self {
            Self::Keep => before.cloned(),
            Self::Set(value) => value.clone(),
        }
    }
}

impl Action {
    /// Whose part in the conversation it would alter, apart from the actor's.
    #[must_use]
    pub fn target(&self) -> Option<UserId> {
        match self {
            Self::Add { user, .. }
            | Self::Remove { user }
            | Self::SetRole { user, .. }
            | Self::Ban { user }
            | Self::Unban { user }
            | Self::Silence { user, .. } => Some(*user),
            Self::StepDown { successor } => Some(*successor),
            Self::Send { .. }
            | Self::Edit { .. }
            | Self::Delete { .. }
            | Self::React { .. }
            | Self::Pin { .. }
            | Self::Join { .. }
            | Self::Leave
            | Self::SetDetails { .. }
            | Self::Close => None,
        }
    }

    /// The message that it concerns, if that is there already.
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

    /// The text that it would leave, if it has any.
    #[must_use]
    pub fn body(&self) -> Option<&MessageBody> {
        match self {
            Self::Send { body, .. } | Self::Edit { body: Some(body), .. } => Some(body),
            _ => None,
        }
    }
}
