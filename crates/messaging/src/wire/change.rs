//! Changes, encoded. A change that breaks a rule of the domain is not read.

use std::sync::Arc;

use domain::{
    Author, BodyHash, Change, ClientId, Conversation, ConversationId, ConversationKind, Details,
    Emoji, HistoryRule, Member, MemberStatus, Mentions, Message, MessageBody, MessageId, MsgNo,
    Pair, Reaction, Role, Seq, Timestamp, Title, Topic, UserId, Username,
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ChangeWire {
    Message(Box<MessageWire>),
    Member(MemberWire),
    Conversation(ConversationWire),
}

#[derive(Serialize, Deserialize)]
pub(super) struct MessageWire {
    id: i64,
    conversation: i64,
    msg_no: i64,
    seq_created: i64,
    seq_last: i64,
    author: i64,
    username: String,
    client_id: String,
    first_hash: [u8; 32],
    body: String,
    created_at: i64,
    edited_at: Option<i64>,
    deleted_at: Option<i64>,
    reply_to: Option<i64>,
    edits: i64,
    mentions: Vec<i64>,
    mentions_all: bool,
    reactions: Vec<(String, Vec<i64>)>,
    pinned_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct MemberWire {
    conversation: i64,
    user: i64,
    username: String,
    role: String,
    status: String,
    seq_last: i64,
    silenced_until: Option<i64>,
    visible_after: i64,
    view_version: i64,
    invited_by: Option<i64>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ConversationWire {
    id: i64,
    /// None for the lobby, empty for a group, both users of a direct conversation.
    members: Option<Vec<i64>>,
    title: Option<String>,
    topic: Option<String>,
    full_history: bool,
    view_version: i64,
    deleted_at: Option<i64>,
    seq_last: i64,
}

impl From<&Change> for ChangeWire {
    fn from(change: &Change) -> Self {
        match change {
            Change::Message(message) => Self::Message(Box::new(MessageWire {
                id: message.id.get(),
                conversation: message.conversation.get(),
                msg_no: message.msg_no.get(),
                seq_created: message.seq_created.get(),
                seq_last: message.seq_last.get(),
                author: message.author.id.get(),
                username: message.author.username.as_str().to_owned(),
                client_id: format!("{:x}", message.client_id.get()),
                first_hash: *message.first_hash.as_bytes(),
                body: message.body.as_str().to_owned(),
                created_at: message.created_at.micros(),
                edited_at: message.edited_at.map(Timestamp::micros),
                deleted_at: message.deleted_at.map(Timestamp::micros),
                reply_to: message.reply_to.map(MessageId::get),
                edits: message.edits,
                mentions: message.mentions.users.iter().map(|user| user.get()).collect(),
                mentions_all: message.mentions.all,
                reactions: message.reactions.iter().map(reaction_wire).collect(),
                pinned_at: message.pinned_at.map(Timestamp::micros),
            })),
            Change::Member(member) => Self::Member(MemberWire {
                conversation: member.conversation.get(),
                user: member.user.get(),
                username: member.username.as_str().to_owned(),
                role: member.role.as_str().to_owned(),
                status: member.status.as_str().to_owned(),
                seq_last: member.seq_last.get(),
                silenced_until: member.silenced_until.map(Timestamp::micros),
                visible_after: member.visible_after.get(),
                view_version: member.view_version,
                invited_by: member.invited_by.map(UserId::get),
            }),
            Change::Conversation(conversation) => {
                Self::Conversation(conversation_wire(conversation))
            }
        }
    }
}

impl ChangeWire {
    pub(super) fn parse(self) -> Option<Change> {
        match self {
            Self::Message(wire) => wire.parse().map(Arc::new).map(Change::Message),
            Self::Member(wire) => wire.parse().map(Change::Member),
            Self::Conversation(wire) => wire.parse().map(Arc::new).map(Change::Conversation),
        }
    }
}

impl MessageWire {
    fn parse(self) -> Option<Message> {
        Some(Message {
            id: MessageId::new(self.id),
            conversation: ConversationId::new(self.conversation),
            msg_no: MsgNo::new(self.msg_no),
            seq_created: Seq::new(self.seq_created),
            seq_last: Seq::new(self.seq_last),
            author: Author {
                id: UserId::new(self.author),
                username: Username::parse(&self.username).ok()?,
            },
            client_id: ClientId::new(u128::from_str_radix(&self.client_id, 16).ok()?),
            first_hash: BodyHash::new(self.first_hash),
            body: MessageBody::parse(self.body).ok()?,
            created_at: Timestamp::from_micros(self.created_at),
            edited_at: self.edited_at.map(Timestamp::from_micros),
            deleted_at: self.deleted_at.map(Timestamp::from_micros),
            reply_to: self.reply_to.map(MessageId::new),
            edits: self.edits,
            mentions: Mentions {
                users: self.mentions.into_iter().map(UserId::new).collect(),
                all: self.mentions_all,
            },
            reactions: self.reactions.into_iter().map(reaction).collect(),
            pinned_at: self.pinned_at.map(Timestamp::from_micros),
        })
    }
}

impl MemberWire {
    fn parse(self) -> Option<Member> {
        Some(Member {
            conversation: ConversationId::new(self.conversation),
            user: UserId::new(self.user),
            username: Username::parse(&self.username).ok()?,
            role: Role::parse(&self.role)?,
            status: MemberStatus::parse(&self.status)?,
            seq_last: Seq::new(self.seq_last),
            silenced_until: self.silenced_until.map(Timestamp::from_micros),
            visible_after: MsgNo::new(self.visible_after),
            view_version: self.view_version,
            invited_by: self.invited_by.map(UserId::new),
        })
    }
}

impl ConversationWire {
    fn parse(self) -> Option<Conversation> {
        let kind = match self.members.as_deref() {
            None => ConversationKind::Lobby,
            Some([]) => ConversationKind::Group,
            Some([one, other]) => {
                ConversationKind::Direct(Pair::of(UserId::new(*one), UserId::new(*other))?)
            }
            Some(_) => return None,
        };
        let history = if self.full_history { HistoryRule::All } else { HistoryRule::SinceJoined };
        Some(Conversation {
            id: ConversationId::new(self.id),
            kind,
            details: Details {
                title: self.title.map(Title::accepted),
                topic: self.topic.map(Topic::accepted),
                history,
            },
            view_version: self.view_version,
            deleted_at: self.deleted_at.map(Timestamp::from_micros),
            seq_last: Seq::new(self.seq_last),
        })
    }
}

fn conversation_wire(conversation: &Conversation) -> ConversationWire {
    let Details { title, topic, history } = &conversation.details;
    ConversationWire {
        id: conversation.id.get(),
        members: match conversation.kind {
            ConversationKind::Lobby => None,
            ConversationKind::Group => Some(Vec::new()),
            ConversationKind::Direct(pair) => Some(vec![pair.low().get(), pair.high().get()]),
        },
        title: title.as_ref().map(|title| title.as_str().to_owned()),
        topic: topic.as_ref().map(|topic| topic.as_str().to_owned()),
        full_history: *history == HistoryRule::All,
        view_version: conversation.view_version,
        deleted_at: conversation.deleted_at.map(Timestamp::micros),
        seq_last: conversation.seq_last.get(),
    }
}

fn reaction_wire(reaction: &Reaction) -> (String, Vec<i64>) {
    let users = reaction.users.iter().map(|user| user.get()).collect();
    (reaction.emoji.as_str().to_owned(), users)
}

fn reaction((emoji, users): (String, Vec<i64>)) -> Reaction {
    let users = users.into_iter().map(UserId::new).collect();
    Reaction { emoji: Emoji::accepted(&emoji), users }
}
