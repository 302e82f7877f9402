//! Messages.

use diesel::prelude::{Insertable, Queryable, Selectable};
use domain::{
    Author, BodyHash, ClientId, ConversationId, Message, MessageBody, MessageId, MsgNo, Seq,
    Timestamp, UserId, Username,
};

use super::reaction::{mentions, mentions_text, reactions, reactions_text};
use crate::failure::CorruptRow;
use crate::schema::messages;

#[derive(Queryable, Selectable)]
#[diesel(table_name = messages)]
pub(crate) struct MessageRow {
    id: i64,
    conversation_id: i64,
    msg_no: i64,
    seq_created: i64,
    seq_last: i64,
    pub(crate) author_id: i64,
    client_id: Vec<u8>,
    first_hash: Vec<u8>,
    body: String,
    created_at: i64,
    edited_at: Option<i64>,
    deleted_at: Option<i64>,
    reply_to: Option<i64>,
    edits: i64,
    mentions: String,
    reactions: String,
    pinned_at: Option<i64>,
}

impl MessageRow {
    /// The message, given its author's name if that is known.
    pub(crate) fn parse(self, username: Option<&Username>) -> Result<Message, CorruptRow> {
        let corrupt = |reason| CorruptRow { table: "messages", id: self.id.to_string(), reason };
        let username = username.cloned().ok_or_else(|| corrupt("author_id"))?;
        let client_id = <[u8; 16]>::try_from(self.client_id.as_slice());
        let first_hash = <[u8; 32]>::try_from(self.first_hash.as_slice());
        Ok(Message {
            id: MessageId::new(self.id),
            conversation: ConversationId::new(self.conversation_id),
            msg_no: MsgNo::new(self.msg_no),
            seq_created: Seq::new(self.seq_created),
            seq_last: Seq::new(self.seq_last),
            author: Author { id: UserId::new(self.author_id), username },
            client_id: ClientId::new(u128::from_be_bytes(
                client_id.map_err(|_| corrupt("client_id"))?,
            )),
            first_hash: BodyHash::new(first_hash.map_err(|_| corrupt("first_hash"))?),
            body: MessageBody::parse(self.body.as_str()).map_err(|_| corrupt("body"))?,
            created_at: Timestamp::from_micros(self.created_at),
            edited_at: self.edited_at.map(Timestamp::from_micros),
            deleted_at: self.deleted_at.map(Timestamp::from_micros),
            reply_to: self.reply_to.map(MessageId::new),
            edits: self.edits,
            mentions: mentions(&self.mentions).ok_or_else(|| corrupt("mentions"))?,
            reactions: reactions(&self.reactions).ok_or_else(|| corrupt("reactions"))?,
            pinned_at: self.pinned_at.map(Timestamp::from_micros),
        })
    }
}

/// Somebody whom a message calls.
#[derive(Insertable)]
#[diesel(table_name = crate::schema::mentions, treat_none_as_default_value = false)]
pub(crate) struct NewMentionRow {
    pub(crate) author_id: i64,
    pub(crate) conversation_id: i64,
    pub(crate) msg_no: i64,
    pub(crate) user_id: i64,
}

/// Borrows the text: a batch is written without copying it.
pub(crate) struct NewMessageRow<'a> {
    pub(crate) id: i64,
    pub(crate) conversation_id: i64,
    pub(crate) msg_no: i64,
    pub(crate) seq_created: i64,
    pub(crate) seq_last: i64,
    pub(crate) author_id: i64,
    pub(crate) client_id: [u8; 16],
    pub(crate) first_hash: &'a [u8],
    pub(crate) body: &'a str,
    pub(crate) created_at: i64,
    pub(crate) edited_at: Option<i64>,
    pub(crate) deleted_at: Option<i64>,
    pub(crate) reply_to: Option<i64>,
    pub(crate) edits: i64,
    pub(crate) mentions: String,
    pub(crate) reactions: String,
    pub(crate) pinned_at: Option<i64>,
}

impl<'a> From<&'a Message> for NewMessageRow<'a> {
    fn from(message: &'a Message) -> Self {
        Self {
            id: message.id.get(),
            conversation_id: message.conversation.get(),
            msg_no: message.msg_no.get(),
            seq_created: message.seq_created.get(),
            seq_last: message.seq_last.get(),
            author_id: message.author.id.get(),
            client_id: message.client_id.get().to_be_bytes(),
            first_hash: message.first_hash.as_bytes(),
            body: message.body.as_str(),
            created_at: message.created_at.micros(),
            edited_at: message.edited_at.map(Timestamp::micros),
            deleted_at: message.deleted_at.map(Timestamp::micros),
            reply_to: message.reply_to.map(MessageId::get),
            edits: message.edits,
            mentions: mentions_text(&message.mentions),
            reactions: reactions_text(&message.reactions),
            pinned_at: message.pinned_at.map(Timestamp::micros),
        }
    }
}
