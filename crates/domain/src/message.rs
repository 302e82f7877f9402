use crate::{
    BodyHash, ClientId, ConversationId, Mentions, MessageBody, MessageEvent, MessageId, MsgNo,
    Reactions, Seq, Timestamp, UserId, Username,
};

/// The digits of a long id, and a comma.
const ID_SIZE: usize = 20;

/// A message or a tombstone.
///
/// Invariant: `seq_created <= seq_last`. A tombstone has an empty body, and no mentions,
/// reactions or pin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub id: MessageId,
    pub conversation: ConversationId,
    /// Its number among the conversation's messages.
    pub msg_no: MsgNo,
    /// The change that created it.
    pub seq_created: Seq,
    /// The newest change that touched it.
    pub seq_last: Seq,
    pub author: Author,
    pub client_id: ClientId,
    /// The hash of the first text, which distinguishes a retry from another message.
    pub first_hash: BodyHash,
    pub body: MessageBody,
    pub mentions: Mentions,
    pub reply_to: Option<MessageId>,
    pub created_at: Timestamp,
    pub edited_at: Option<Timestamp>,
    pub edits: i64,
    pub reactions: Reactions,
    pub pinned_at: Option<Timestamp>,
    pub deleted_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    pub id: UserId,
    pub username: Username,
}

impl Message {
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.deleted_at.is_some()
    }

    /// The bytes that the text takes in JSON, and about those of the users who reacted.
    #[must_use]
    pub fn json_size(&self) -> usize {
        let reacted: usize = self.reactions.iter().map(|reaction| reaction.users.len()).sum();
        self.body.json_size().saturating_add(reacted.saturating_mul(ID_SIZE))
    }

    #[must_use]
    pub fn is_edited(&self) -> bool {
        self.edited_at.is_some()
    }

    /// Whether this is the first message of its conversation, as it was created.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.msg_no == MsgNo::FIRST && self.seq_created == self.seq_last
    }

    /// Returns how the message changed since `cursor`; `None` if it did not change, or was
    /// created and deleted since.
    #[must_use]
    pub fn event_since(&self, cursor: Seq) -> Option<MessageEvent> {
        let is_new = self.seq_created > cursor;
        match (self.seq_last > cursor, is_new, self.is_deleted()) {
            (false, _, _) | (true, true, true) => None,
            (true, true, false) => Some(MessageEvent::Created),
            (true, false, true) => Some(MessageEvent::Deleted),
            (true, false, false) => Some(MessageEvent::Updated),
        }
    }
}
