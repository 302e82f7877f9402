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
    /// Alter the conversation as a whole; `None` keeps what is.
    SetDetails {
        /// Its name; the inner `None` takes it away.
        title: Option<Option<Title>>,
        /// What it is about; likewise.
        topic: Option<Option<Topic>>,
        /// What those who join may see.
        history: Option<HistoryRule>,
    },
    /// Delete the conversation.
    Close,
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
