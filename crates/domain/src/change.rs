//! Stored changes of a conversation.

use std::sync::Arc;

use crate::{Conversation, ConversationId, Member, Message, Seq};

/// A row in its newest form, as of change [`Change::seq`].
///
/// There is no log: the changes since `S` are the rows with a higher number, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Message(Arc<Message>),
    Member(Member),
    Conversation(Arc<Conversation>),
}

impl Change {
    #[must_use]
    pub fn seq(&self) -> Seq {
        match self {
            Self::Message(message) => message.seq_last,
            Self::Member(member) => member.seq_last,
            Self::Conversation(conversation) => conversation.seq_last,
        }
    }

    #[must_use]
    pub fn conversation(&self) -> ConversationId {
        match self {
            Self::Message(message) => message.conversation,
            Self::Member(member) => member.conversation,
            Self::Conversation(conversation) => conversation.id,
        }
    }
}

/// How a message appears to a viewer with a cursor; see [`Message::event_since`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageEvent {
    Created,
    Updated,
    Deleted,
}

/// The result of an accepted intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Applied(Change),
    /// A retry of an earlier send: the message in its current form. Nothing changed.
    AlreadyStored(Arc<Message>),
}

impl Outcome {
    #[must_use]
    pub fn message(&self) -> Option<&Arc<Message>> {
        match self {
            Self::Applied(Change::Message(message)) | Self::AlreadyStored(message) => Some(message),
            Self::Applied(Change::Member(_) | Change::Conversation(_)) => None,
        }
    }
}
