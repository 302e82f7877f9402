//! What somebody wants to do to a conversation.

use crate::{ClientId, ConversationId, MessageBody, MessageId, UserId};

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
    },
    /// Set the text of one's message; `None` marks it edited and keeps the text.
    Edit {
        /// Which.
        message: MessageId,
        /// What it says from now on.
        body: Option<MessageBody>,
    },
    /// Leave only a tombstone of one's message.
    Delete {
        /// Which.
        message: MessageId,
    },
    /// Take no further part.
    Leave,
    /// Shut somebody out.
    Ban {
        /// Whom.
        user: UserId,
    },
}
