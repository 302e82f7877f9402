//! Messages, and the text formats of mentions and reactions.

use std::fmt::Write as _;

use diesel::prelude::{AsChangeset, Insertable, Queryable, QueryableByName, Selectable};
use diesel::sql_types::{BigInt, Integer};
use domain::{
    Author, BodyHash, ClientId, ConversationId, Emoji, Mentions, Message, MessageBody, MessageId,
    MsgNo, Reaction, Reactions, Seq, Timestamp, UserId, Username,
};

use crate::failure::CorruptRow;
use crate::schema::messages;

/// Columns that never change once a message is written, and those that do.
#[derive(Queryable, Selectable)]
#[diesel(table_name = messages)]
pub(crate) struct MessageRow {
    id: i64,
    conversation_id: i64,
    msg_no: i64,
    seq_created: i64,
    pub(crate) author_id: i64,
    client_id: Vec<u8>,
    first_hash: Vec<u8>,
    created_at: i64,
    reply_to: Option<i64>,
    #[diesel(embed)]
    changing: ChangingRow,
}

/// The columns that an edit, a deletion, a reaction or a pin writes.
#[derive(Queryable, Selectable, AsChangeset)]
#[diesel(table_name = messages, treat_none_as_null = true)]
pub(crate) struct ChangingRow {
    seq_last: i64,
    body: String,
    edited_at: Option<i64>,
    deleted_at: Option<i64>,
    edits: i64,
    mentions: String,
    reactions: String,
    pinned_at: Option<i64>,
}

impl MessageRow {
    /// `username` is `None` if the account of the author is missing.
    pub(crate) fn parse(self, username: Option<&Username>) -> Result<Message, CorruptRow> {
        let corrupt = |reason| CorruptRow { table: "messages", id: self.id.to_string(), reason };
        let username = username.cloned().ok_or_else(|| corrupt("author_id"))?;
        let client_id = <[u8; 16]>::try_from(self.client_id.as_slice());
        let first_hash = <[u8; 32]>::try_from(self.first_hash.as_slice());
        let ChangingRow { seq_last, body, edited_at, deleted_at, edits, pinned_at, .. } =
            &self.changing;
        Ok(Message {
            id: MessageId::new(self.id),
            conversation: ConversationId::new(self.conversation_id),
            msg_no: MsgNo::new(self.msg_no),
            seq_created: Seq::new(self.seq_created),
            seq_last: Seq::new(*seq_last),
            author: Author { id: UserId::new(self.author_id), username },
            client_id: ClientId::new(u128::from_be_bytes(
                client_id.map_err(|_| corrupt("client_id"))?,
            )),
            first_hash: BodyHash::new(first_hash.map_err(|_| corrupt("first_hash"))?),
            body: MessageBody::parse(body.as_str()).map_err(|_| corrupt("body"))?,
            created_at: Timestamp::from_micros(self.created_at),
            edited_at: edited_at.map(Timestamp::from_micros),
            deleted_at: deleted_at.map(Timestamp::from_micros),
            reply_to: self.reply_to.map(MessageId::new),
            edits: *edits,
            mentions: mentions(&self.changing.mentions).ok_or_else(|| corrupt("mentions"))?,
            reactions: reactions(&self.changing.reactions).ok_or_else(|| corrupt("reactions"))?,
            pinned_at: pinned_at.map(Timestamp::from_micros),
        })
    }
}

impl From<&Message> for ChangingRow {
    fn from(message: &Message) -> Self {
        Self {
            seq_last: message.seq_last.get(),
            body: message.body.as_str().to_owned(),
            edited_at: message.edited_at.map(Timestamp::micros),
            deleted_at: message.deleted_at.map(Timestamp::micros),
            edits: message.edits,
            mentions: mentions_text(&message.mentions),
            reactions: reactions_text(&message.reactions),
            pinned_at: message.pinned_at.map(Timestamp::micros),
        }
    }
}

/// A new message: its columns in the order of [`NewMessageRow::COLUMNS`], grouped by type for binding.
/// Borrows the texts, so that writing a batch does not copy them.
pub(crate) struct NewMessageRow<'a> {
    pub(crate) numbers: [i64; 8],
    pub(crate) nullable_numbers: [Option<i64>; 4],
    client_id: [u8; 16],
    first_hash: &'a [u8],
    body: &'a str,
    mentions: String,
    reactions: String,
}

impl NewMessageRow<'_> {
    pub(crate) const COLUMNS: &'static str = "id, conversation_id, msg_no, seq_created, seq_last, \
        author_id, created_at, edits, edited_at, deleted_at, reply_to, pinned_at, client_id, \
        first_hash, body, mentions, reactions";

    pub(crate) fn bytes(&self) -> [&[u8]; 2] {
        [&self.client_id, self.first_hash]
    }

    pub(crate) fn texts(&self) -> [&str; 3] {
        [self.body, &self.mentions, &self.reactions]
    }
}

impl<'a> From<&'a Message> for NewMessageRow<'a> {
    fn from(message: &'a Message) -> Self {
        Self {
            numbers: [
                message.id.get(),
                message.conversation.get(),
                message.msg_no.get(),
                message.seq_created.get(),
                message.seq_last.get(),
                message.author.id.get(),
                message.created_at.micros(),
                message.edits,
            ],
            nullable_numbers: [
                message.edited_at.map(Timestamp::micros),
                message.deleted_at.map(Timestamp::micros),
                message.reply_to.map(MessageId::get),
                message.pinned_at.map(Timestamp::micros),
            ],
            client_id: message.client_id.get().to_be_bytes(),
            first_hash: message.first_hash.as_bytes(),
            body: message.body.as_str(),
            mentions: mentions_text(&message.mentions),
            reactions: reactions_text(&message.reactions),
        }
    }
}

/// A search result, before its text is read.
#[derive(Debug, QueryableByName)]
pub(crate) struct FoundRow {
    #[diesel(sql_type = BigInt)]
    pub(crate) id: i64,
    #[diesel(sql_type = BigInt)]
    pub(crate) conversation_id: i64,
    #[diesel(sql_type = BigInt)]
    pub(crate) msg_no: i64,
    #[diesel(sql_type = BigInt)]
    pub(crate) author_id: i64,
    /// The length of the text in bytes.
    #[diesel(sql_type = Integer)]
    pub(crate) length: i32,
}

/// A message that the search index lacks.
#[derive(Debug, QueryableByName)]
pub(crate) struct QueuedRow {
    #[diesel(sql_type = BigInt)]
    pub(crate) message_id: i64,
    /// Of the text, in bytes.
    #[diesel(sql_type = Integer)]
    pub(crate) length: i32,
}

#[derive(Insertable)]
#[diesel(table_name = crate::schema::mentions, treat_none_as_default_value = false)]
pub(crate) struct NewMentionRow {
    pub(crate) author_id: i64,
    pub(crate) conversation_id: i64,
    pub(crate) msg_no: i64,
    pub(crate) user_id: i64,
}

/// Stands for everyone in the text of mentions.
const ALL: &str = "all";

/// User ids separated by spaces; `all` for everyone.
pub(crate) fn mentions_text(mentions: &Mentions) -> String {
    let ids = mentions.users.iter().map(ToString::to_string);
    ids.chain(mentions.all.then(|| ALL.to_owned())).collect::<Vec<_>>().join(" ")
}

/// `None` if the text is malformed.
pub(crate) fn mentions(text: &str) -> Option<Mentions> {
    let words = || text.split_ascii_whitespace();
    let ids = words().filter(|word| *word != ALL).map(user);
    Some(Mentions { users: ids.collect::<Option<_>>()?, all: words().any(|word| word == ALL) })
}

/// A line for each emoji: the emoji, then the ids of the users who reacted with it.
pub(crate) fn reactions_text(reactions: &Reactions) -> String {
    let mut text = String::new();
    for Reaction { emoji, users } in reactions.iter() {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(emoji.as_str());
        for user in users {
            // Writing to a `String` cannot fail.
            let _ = write!(text, " {user}");
        }
    }
    text
}

/// `None` if the text is malformed.
pub(crate) fn reactions(text: &str) -> Option<Reactions> {
    let reaction = |line: &str| {
        let mut words = line.split(' ');
        let emoji = words.next().filter(|emoji| !emoji.is_empty()).map(Emoji::accepted)?;
        Some(Reaction { emoji, users: words.map(user).collect::<Option<_>>()? })
    };
    text.lines().map(reaction).collect()
}

fn user(word: &str) -> Option<UserId> {
    word.parse().ok().map(UserId::new)
}

#[cfg(test)]
mod tests {
    use super::{mentions, mentions_text, reactions, reactions_text};
    use domain::{Emoji, Mentions, Reactions, UserId};

    #[test]
    fn mentions_and_reactions_survive_a_round_trip_as_text() {
        let [ann, bob] = [1, 2].map(UserId::new);
        let [thumb, code] = ["👍", ":a-b:"].map(|text| Emoji::parse(text).unwrap());
        let some = Reactions::default().with(ann, &thumb, true).unwrap();
        let some = some.with(bob, &thumb, true).unwrap().with(ann, &code, true).unwrap();
        let called = Mentions { users: [bob, ann].into(), all: true };

        assert_eq!(reactions_text(&some), "👍 1 2\n:a-b: 1");
        assert_eq!(reactions(&reactions_text(&some)), Some(some));
        assert_eq!(reactions(""), Some(Reactions::default()));
        assert_eq!(reactions("👍 x"), None);
        assert_eq!(mentions_text(&called), "2 1 all");
        assert_eq!(mentions(&mentions_text(&called)), Some(called));
        assert_eq!(mentions(""), Some(Mentions::default()));
        assert_eq!(mentions("ann"), None);
    }
}
