//! Conversations, their heads and their members.

use application::ports::InboxEntry;
use diesel::prelude::{AsChangeset, Insertable, Queryable, Selectable};
use domain::{
    Conversation, ConversationId, ConversationKind, Details, FirstMember, Head, HistoryRule,
    Member, MemberStatus, MsgNo, Pair, Role, Seq, Timestamp, Title, Topic, UserId, Username,
};

use super::username;
use crate::failure::CorruptRow;
use crate::schema::{accounts, conversation_heads, conversations, members};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = conversation_heads)]
pub(crate) struct HeadRow {
    pub(crate) conversation_id: i64,
    seq: i64,
    msg_no: i64,
    last_at: i64,
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

/// A head under its lock, with its conversation.
pub(crate) type LockedHeadRow = (HeadRow, ConversationRow);

#[derive(Queryable, Selectable)]
#[diesel(table_name = conversations)]
pub(crate) struct ConversationRow {
    id: i64,
    #[diesel(embed)]
    written: WrittenConversationRow,
}

/// All columns except the id, which the database assigns.
#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = conversations, treat_none_as_null = true)]
pub(crate) struct WrittenConversationRow {
    kind: String,
    direct_low: Option<i64>,
    direct_high: Option<i64>,
    title: Option<String>,
    topic: Option<String>,
    history: String,
    view_version: i64,
    deleted_at: Option<i64>,
    seq_last: i64,
}

impl TryFrom<ConversationRow> for Conversation {
    type Error = CorruptRow;

    fn try_from(ConversationRow { id, written: row }: ConversationRow) -> Result<Self, CorruptRow> {
        let corrupt = |reason| CorruptRow { table: "conversations", id: id.to_string(), reason };
        let pair = row.direct_low.zip(row.direct_high);
        let pair = pair.map(|(low, high)| Pair::of(UserId::new(low), UserId::new(high)));
        let kind = match (row.kind.as_str(), pair) {
            ("lobby", None) => ConversationKind::Lobby,
            ("group", None) => ConversationKind::Group,
            ("group", Some(Some(pair))) => ConversationKind::Direct(pair),
            _ => return Err(corrupt("kind")),
        };
        Ok(Self {
            id: ConversationId::new(id),
            kind,
            details: Details {
                title: row.title.map(Title::accepted),
                topic: row.topic.map(Topic::accepted),
                history: HistoryRule::parse(&row.history).ok_or_else(|| corrupt("history"))?,
            },
            view_version: row.view_version,
            deleted_at: row.deleted_at.map(Timestamp::from_micros),
            seq_last: Seq::new(row.seq_last),
        })
    }
}

impl From<&Conversation> for WrittenConversationRow {
    fn from(conversation: &Conversation) -> Self {
        let (kind, pair) = match conversation.kind {
            ConversationKind::Lobby => ("lobby", None),
            ConversationKind::Group => ("group", None),
            ConversationKind::Direct(pair) => ("group", Some(pair)),
        };
        let Details { title, topic, history } = &conversation.details;
        Self {
            kind: kind.to_owned(),
            direct_low: pair.map(|pair| pair.low().get()),
            direct_high: pair.map(|pair| pair.high().get()),
            title: title.as_ref().map(|title| title.as_str().to_owned()),
            topic: topic.as_ref().map(|topic| topic.as_str().to_owned()),
            history: history.as_str().to_owned(),
            view_version: conversation.view_version,
            deleted_at: conversation.deleted_at.map(Timestamp::micros),
            seq_last: conversation.seq_last.get(),
        }
    }
}

/// Omits the read marker and the mute, which are written separately.
#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = members, primary_key(conversation_id, user_id))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct MemberRow {
    conversation_id: i64,
    pub(crate) user_id: i64,
    role: String,
    status: String,
    seq_last: i64,
    silenced_until: Option<i64>,
    visible_after: i64,
    view_version: i64,
    invited_by: Option<i64>,
}

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
    /// A member of a new conversation.
    pub(crate) fn first(conversation: ConversationId, first: FirstMember) -> Self {
        Self {
            conversation_id: conversation.get(),
            user_id: first.user.get(),
            role: first.role.as_str().to_owned(),
            status: stored_status(first.status()).as_str().to_owned(),
            invited_by: first.invited_by.map(UserId::get),
            seq_last: Seq::ZERO.get(),
            silenced_until: None,
            visible_after: MsgNo::ZERO.get(),
            view_version: 0,
        }
    }

    /// `username` is `None` if the account is missing.
    pub(crate) fn parse(self, username: Option<&Username>) -> Result<Member, CorruptRow> {
        let corrupt = |reason| CorruptRow {
            table: "members",
            id: format!("({}, {})", self.conversation_id, self.user_id),
            reason,
        };
        let status = MemberStatus::parse(&self.status).ok_or_else(|| corrupt("status"))?;
        let invited_by = self.invited_by.filter(|_| status == MemberStatus::Left);
        let invited_by = invited_by.map(UserId::new);
        let status = if invited_by.is_some() { MemberStatus::Invited } else { status };
        Ok(Member {
            conversation: ConversationId::new(self.conversation_id),
            user: UserId::new(self.user_id),
            username: username.cloned().ok_or_else(|| corrupt("user_id"))?,
            role: Role::parse(&self.role).ok_or_else(|| corrupt("role"))?,
            status,
            invited_by,
            silenced_until: self.silenced_until.map(Timestamp::from_micros),
            visible_after: MsgNo::new(self.visible_after),
            view_version: self.view_version,
            seq_last: Seq::new(self.seq_last),
        })
    }
}

impl From<&Member> for MemberRow {
    fn from(member: &Member) -> Self {
        Self {
            conversation_id: member.conversation.get(),
            user_id: member.user.get(),
            role: member.role.as_str().to_owned(),
            status: stored_status(member.status).as_str().to_owned(),
            invited_by: member.invited_by.map(UserId::get),
            seq_last: member.seq_last.get(),
            silenced_until: member.silenced_until.map(Timestamp::micros),
            visible_after: member.visible_after.get(),
            view_version: member.view_version,
        }
    }
}

/// The status column. Of a user who is invited, it is that of a former member, and `invited_by` is
/// set; so nodes of versions without invitations read the row.
fn stored_status(status: MemberStatus) -> MemberStatus {
    if status == MemberStatus::Invited { MemberStatus::Left } else { status }
}

/// The sum grows with each part, so that no change of a part is missed.
pub(crate) fn view_version(
    account_view_version: i64,
    conversation: &Conversation,
    member: Option<&Member>,
) -> i64 {
    let of_member = member.map_or(0, |member| member.view_version);
    account_view_version.saturating_add(conversation.view_version).saturating_add(of_member)
}

/// A conversation as one of its members sees it.
#[derive(Queryable, Selectable)]
#[diesel(table_name = members)]
pub(crate) struct InboxRow {
    #[diesel(embed)]
    conversation: ConversationRow,
    #[diesel(embed)]
    head: HeadRow,
    #[diesel(embed)]
    member: NamedMemberRow,
    read_no: i64,
    muted: bool,
    #[diesel(select_expression = accounts::view_version)]
    account_view_version: i64,
}

impl TryFrom<InboxRow> for InboxEntry {
    type Error = CorruptRow;

    /// Leaves unread mentions and the other member empty, because they come from other tables.
    fn try_from(row: InboxRow) -> Result<Self, CorruptRow> {
        let conversation: Conversation = row.conversation.try_into()?;
        let member: Member = row.member.try_into()?;
        Ok(Self {
            view_version: view_version(row.account_view_version, &conversation, Some(&member)),
            conversation,
            head: row.head.into(),
            member: Some(member),
            read_no: MsgNo::new(row.read_no),
            muted: row.muted,
            unread_mentions: 0,
            other: None,
        })
    }
}
