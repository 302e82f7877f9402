//! Members.

use diesel::prelude::{AsChangeset, Insertable, Queryable, Selectable};
use domain::{ConversationId, Member, MemberStatus, MsgNo, Role, Seq, Timestamp, UserId, Username};

use super::username;
use crate::failure::CorruptRow;
use crate::schema::{accounts, members};

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = members)]
pub(crate) struct MemberRow {
    conversation_id: i64,
    pub(crate) user_id: i64,
    role: String,
    status: String,
    seq_last: i64,
    silenced_until: Option<i64>,
    visible_after: i64,
    view_version: i64,
}

/// A member row with the name of its account.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = members)]
pub(crate) struct NamedMemberRow {
    #[diesel(embed)]
    member: MemberRow,
    #[diesel(select_expression = accounts::username)]
    username: String,
}

impl TryFrom<NamedMemberRow> for Member {
    type Error = CorruptRow;

    fn try_from(row: NamedMemberRow) -> Result<Self, CorruptRow> {
        let name = username(row.member.user_id, &row.username)?;
        row.member.parse(Some(&name))
    }
}

impl MemberRow {
    /// The member, given its name if that is known.
    pub(crate) fn parse(self, username: Option<&Username>) -> Result<Member, CorruptRow> {
        let corrupt = |reason| CorruptRow {
            table: "members",
            id: format!("({}, {})", self.conversation_id, self.user_id),
            reason,
        };
        let status = match self.status.as_str() {
            "active" => MemberStatus::Active,
            "left" => MemberStatus::Left,
            "banned" => MemberStatus::Banned,
            _ => return Err(corrupt("status")),
        };
        Ok(Member {
            conversation: ConversationId::new(self.conversation_id),
            user: UserId::new(self.user_id),
            username: username.cloned().ok_or_else(|| corrupt("user_id"))?,
            role: role(&self.role).ok_or_else(|| corrupt("role"))?,
            status,
            silenced_until: self.silenced_until.map(Timestamp::from_micros),
            visible_after: MsgNo::new(self.visible_after),
            view_version: self.view_version,
            seq_last: Seq::new(self.seq_last),
        })
    }
}

/// A role as it is stored.
pub(crate) fn role(text: &str) -> Option<Role> {
    let roles = [Role::Owner, Role::Admin, Role::Member, Role::Reader];
    roles.into_iter().find(|role| role_text(*role) == text)
}

/// How a role is stored.
pub(crate) fn role_text(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner",
        Role::Admin => "admin",
        Role::Member => "member",
        Role::Reader => "reader",
    }
}

/// What of a member others see; its read marker is not touched.
#[derive(Insertable, AsChangeset)]
#[diesel(table_name = members, primary_key(conversation_id, user_id))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct NewMemberRow {
    conversation_id: i64,
    user_id: i64,
    role: &'static str,
    status: &'static str,
    seq_last: i64,
    silenced_until: Option<i64>,
    visible_after: i64,
    view_version: i64,
}

impl NewMemberRow {
    /// Of one who takes part from the start.
    pub(crate) fn first(conversation: ConversationId, user: UserId, role: Role) -> Self {
        Self {
            conversation_id: conversation.get(),
            user_id: user.get(),
            role: role_text(role),
            status: "active",
            seq_last: Seq::ZERO.get(),
            silenced_until: None,
            visible_after: MsgNo::ZERO.get(),
            view_version: 0,
        }
    }
}

impl From<&Member> for NewMemberRow {
    fn from(member: &Member) -> Self {
        Self {
            conversation_id: member.conversation.get(),
            user_id: member.user.get(),
            role: role_text(member.role),
            status: match member.status {
                MemberStatus::Active => "active",
                MemberStatus::Left => "left",
                MemberStatus::Banned => "banned",
            },
            seq_last: member.seq_last.get(),
            silenced_until: member.silenced_until.map(Timestamp::micros),
            visible_after: member.visible_after.get(),
            view_version: member.view_version,
        }
    }
}
