//! Changes.

use std::sync::Arc;

use domain::{
    Author, BodyHash, Change, ClientId, ConversationId, Member, Message, MessageBody, MessageId,
    MsgNo, Role, Seq, Standing, Timestamp, UserId, Username,
};
use serde::{Deserialize, Serialize};

/// A change as it travels.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ChangeWire {
    Message(MessageWire),
    Member(MemberWire),
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
    first_hash: [String; 2],
    body: String,
    created_at: i64,
    edited_at: Option<i64>,
    deleted_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct MemberWire {
    conversation: i64,
    user: i64,
    role: String,
    standing: String,
    seq_last: i64,
}

impl From<&Change> for ChangeWire {
    fn from(change: &Change) -> Self {
        match change {
            Change::Message(message) => Self::Message(MessageWire {
                id: message.id.get(),
                conversation: message.conversation.get(),
                msg_no: message.msg_no.get(),
                seq_created: message.seq_created.get(),
                seq_last: message.seq_last.get(),
                author: message.author.id.get(),
                username: message.author.username.as_str().to_owned(),
                client_id: hex(message.client_id.get()),
                first_hash: halves(&message.first_hash).map(hex),
                body: message.body.as_str().to_owned(),
                created_at: message.created_at.micros(),
                edited_at: message.edited_at.map(Timestamp::micros),
                deleted_at: message.deleted_at.map(Timestamp::micros),
            }),
            Change::Member(member) => Self::Member(MemberWire {
                conversation: member.conversation.get(),
                user: member.user.get(),
                role: role_text(member.role).to_owned(),
                standing: standing_text(member.standing).to_owned(),
                seq_last: member.seq_last.get(),
            }),
        }
    }
}

impl ChangeWire {
    /// The change, unless it breaks a rule of the domain.
    pub(super) fn parse(self) -> Option<Change> {
        match self {
            Self::Message(wire) => wire.parse().map(Arc::new).map(Change::Message),
            Self::Member(wire) => wire.parse().map(Change::Member),
        }
    }
}

impl MessageWire {
    fn parse(self) -> Option<Message> {
        let [high, low] = self.first_hash;
        let mut first_hash = [0; 32];
        let (first, second) = first_hash.split_at_mut(16);
        first.copy_from_slice(&unhex(&high)?.to_be_bytes());
        second.copy_from_slice(&unhex(&low)?.to_be_bytes());
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
            client_id: ClientId::new(unhex(&self.client_id)?),
            first_hash: BodyHash::new(first_hash),
            body: MessageBody::parse(self.body).ok()?,
            created_at: Timestamp::from_micros(self.created_at),
            edited_at: self.edited_at.map(Timestamp::from_micros),
            deleted_at: self.deleted_at.map(Timestamp::from_micros),
        })
    }
}

impl MemberWire {
    fn parse(self) -> Option<Member> {
        let roles = [Role::Owner, Role::Admin, Role::Member, Role::Reader];
        let standings = [Standing::Active, Standing::Left, Standing::Banned];
        Some(Member {
            conversation: ConversationId::new(self.conversation),
            user: UserId::new(self.user),
            role: roles.into_iter().find(|role| role_text(*role) == self.role)?,
            standing: standings.into_iter().find(|s| standing_text(*s) == self.standing)?,
            seq_last: Seq::new(self.seq_last),
        })
    }
}

fn role_text(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner",
        Role::Admin => "admin",
        Role::Member => "member",
        Role::Reader => "reader",
    }
}

fn standing_text(standing: Standing) -> &'static str {
    match standing {
        Standing::Active => "active",
        Standing::Left => "left",
        Standing::Banned => "banned",
    }
}

fn halves(hash: &BodyHash) -> [u128; 2] {
    let half = |bytes: &[u8]| bytes.iter().fold(0, |all, byte| all << 8 | u128::from(*byte));
    let (high, low) = hash.as_bytes().split_at(16);
    [half(high), half(low)]
}

fn hex(number: u128) -> String {
    format!("{number:x}")
}

fn unhex(text: &str) -> Option<u128> {
    u128::from_str_radix(text, 16).ok()
}
