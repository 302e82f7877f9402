//! Conversations, their heads and members.

use diesel::prelude::{AsChangeset, Insertable, Queryable, Selectable};
use domain::{
    Conversation, ConversationId, ConversationKind, Head, Member, MsgNo, Role, Seq, Standing,
    Timestamp, UserId,
};

use crate::failure::CorruptRow;
use crate::schema::{conversation_heads, members};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = conversation_heads, primary_key(conversation_id))]
pub(crate) struct HeadRow {
    conversation_id: i64,
    seq: i64,
    msg_no: i64,
    last_at: i64,
}

impl HeadRow {
    /// Of the conversation.
    pub(crate) fn id(&self) -> i64 {
        self.conversation_id
    }
}

impl From<HeadRow> for Head {
    fn from(row: HeadRow) -> Self {
        Self {
            conversation: ConversationId::new(row.conversation_id),
            seq: Seq::new(row.seq),
            msg_no: MsgNo::new(row.msg_no),
            last_at: Timestamp::from_micros(row.last_at),
        }
    }
}

impl From<Head> for HeadRow {
    fn from(head: Head) -> Self {
        Self {
            conversation_id: head.conversation.get(),
            seq: head.seq.get(),
            msg_no: head.msg_no.get(),
            last_at: head.last_at.micros(),
        }
    }
}

/// A head under its lock, with the kind of its conversation.
pub(crate) type LockedHeadRow = (HeadRow, String);

/// A conversation from its columns.
pub(crate) fn conversation(id: i64, kind: &str) -> Result<Conversation, CorruptRow> {
    let kind = match kind {
        "lobby" => ConversationKind::Lobby,
        "group" => ConversationKind::Group,
        _ => return Err(CorruptRow { table: "conversations", id: id.to_string(), reason: "kind" }),
    };
    Ok(Conversation { id: ConversationId::new(id), kind })
}

/// How a kind is stored.
pub(crate) fn kind_text(kind: ConversationKind) -> &'static str {
    match kind {
        ConversationKind::Lobby => "lobby",
        ConversationKind::Group => "group",
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = members)]
pub(crate) struct MemberRow {
    conversation_id: i64,
    user_id: i64,
    role: String,
    standing: String,
    seq_last: i64,
}

impl TryFrom<MemberRow> for Member {
    type Error = CorruptRow;

    fn try_from(row: MemberRow) -> Result<Self, CorruptRow> {
        let corrupt = |reason| CorruptRow {
            table: "members",
            id: format!("({}, {})", row.conversation_id, row.user_id),
            reason,
        };
        let role = match row.role.as_str() {
            "owner" => Role::Owner,
            "admin" => Role::Admin,
            "member" => Role::Member,
            "reader" => Role::Reader,
            _ => return Err(corrupt("role")),
        };
        let standing = match row.standing.as_str() {
            "active" => Standing::Active,
            "left" => Standing::Left,
            "banned" => Standing::Banned,
            _ => return Err(corrupt("standing")),
        };
        Ok(Self {
            conversation: ConversationId::new(row.conversation_id),
            user: UserId::new(row.user_id),
            role,
            standing,
            seq_last: Seq::new(row.seq_last),
        })
    }
}

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = members, primary_key(conversation_id, user_id))]
pub(crate) struct NewMemberRow {
    conversation_id: i64,
    user_id: i64,
    role: &'static str,
    standing: &'static str,
    seq_last: i64,
}

impl From<Member> for NewMemberRow {
    fn from(member: Member) -> Self {
        Self {
            conversation_id: member.conversation.get(),
            user_id: member.user.get(),
            role: match member.role {
                Role::Owner => "owner",
                Role::Admin => "admin",
                Role::Member => "member",
                Role::Reader => "reader",
            },
            standing: match member.standing {
                Standing::Active => "active",
                Standing::Left => "left",
                Standing::Banned => "banned",
            },
            seq_last: member.seq_last.get(),
        }
    }
}
