//! What happened in a conversation.

use std::sync::Arc;

use crate::{Conversation, ConversationId, Member, Message, Seq};

/// A row in its newest form, as the change numbered [`Change::seq`] left it.
///
/// There is no log: what happened since `S` is the rows whose number is above
/// `S`, each once, and what a reader is told of one depends on its cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A message was sent, edited, reacted to, pinned or deleted.
    Message(Arc<Message>),
    /// Somebody's part in the conversation changed.
    Member(Member),
    /// The conversation as a whole was altered or deleted.
    Conversation(Arc<Conversation>),
}

impl Change {
    /// Its number.
    #[must_use]
    pub fn seq(&self) -> Seq {
        match self {
            Self::Message(message) => message.seq_last,
            Self::Member(member) => member.seq_last,
            Self::Conversation(conversation) => conversation.seq_last,
        }
    }

    /// Where it happened.
    #[must_use]
    pub fn conversation(&self) -> ConversationId {
        match self {
            Self::Message(message) => message.conversation,
            Self::Member(member) => member.conversation,
            Self::Conversation(conversation) => conversation.id,
        }
    }
}

/// What a reader is to be told of a message; see [`Message::event_since`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageEvent {
    /// It is news no more, or came and went unseen.
    Nothing,
    /// It is there.
    Created,
    /// It says something else now.
    Updated,
    /// It is gone.
    Deleted,
}

/// What came of an intent that was not refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It changed the conversation.
    Applied(Change),
    /// It repeats an earlier send: the message as it is now. Nothing changed.
    Replayed(Arc<Message>),
}

impl Outcome {
    /// The message that came of it, if one did.
    #[must_use]
    pub fn message(&self) -> Option<&Arc<Message>> {
        match self {
            Self::Applied(Change::Message(message)) | Self::Replayed(message) => Some(message),
            Self::Applied(Change::Member(_) | Change::Conversation(_)) => None,
        }
    }
}
