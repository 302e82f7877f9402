//! One thing that somebody said.

use crate::{
    BodyHash, ClientId, ConversationId, Mentions, MessageBody, MessageEvent, MessageId, MsgNo,
    Reactions, Seq, Timestamp, UserId, Username,
};

/// A message, or the tombstone of one.
///
/// Invariant: `seq_created <= seq_last`; a tombstone's body is erased, and with it
/// its mentions, its reactions and its pin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Assigned by the store.
    pub id: MessageId,
    /// Where it was said.
    pub conversation: ConversationId,
    /// Its place among the messages of the conversation.
    pub msg_no: MsgNo,
    /// The change that made it.
    pub seq_created: Seq,
    /// The newest change that touched it.
    pub seq_last: Seq,
    /// Who said it.
    pub author: Author,
    /// The sender's name for it.
    pub client_id: ClientId,
    /// Fingerprint of its first text.
    pub first_hash: BodyHash,
    /// What it says now.
    pub body: MessageBody,
    /// Whom it calls.
    pub mentions: Mentions,
    /// What it answers.
    pub reply_to: Option<MessageId>,
    /// When it was sent.
    pub created_at: Timestamp,
    /// When its text was last set by an edit.
    pub edited_at: Option<Timestamp>,
    /// How often that was done.
    pub edits: i64,
    /// What was said to it without words.
    pub reactions: Reactions,
    /// When it was pinned, if it is.
    pub pinned_at: Option<Timestamp>,
    /// When it was deleted, if it was.
    pub deleted_at: Option<Timestamp>,
}

/// Who wrote a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// The account.
    pub id: UserId,
    /// Its name.
    pub username: Username,
}

impl Message {
    /// What is left of a deleted message.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.deleted_at.is_some()
    }

    /// Was edited since it was sent.
    #[must_use]
    pub fn is_edited(&self) -> bool {
        self.edited_at.is_some()
    }

    /// What somebody who has seen everything up to `cursor` is to be told of it.
    #[must_use]
    pub fn event_since(&self, cursor: Seq) -> MessageEvent {
        if self.seq_last <= cursor {
            MessageEvent::Nothing
        } else if self.is_deleted() {
            if self.seq_created > cursor { MessageEvent::Nothing } else { MessageEvent::Deleted }
        } else if self.seq_created > cursor {
            MessageEvent::Created
        } else {
            MessageEvent::Updated
        }
    }
}
