//! A conversation as one of its members sees it.

use application::ports::InboxEntry;
use diesel::prelude::{Queryable, Selectable};
use domain::{Conversation, Member, MsgNo};

use super::{ConversationRow, HeadRow, NamedMemberRow};
use crate::failure::CorruptRow;
use crate::schema::{accounts, members};

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

    /// Without what other tables know.
    fn try_from(row: InboxRow) -> Result<Self, CorruptRow> {
        let conversation: Conversation = row.conversation.try_into()?;
        let member: Member = row.member.try_into()?;
        let views = [row.account_view_version, conversation.view_version, member.view_version];
        Ok(Self {
            view_version: views.into_iter().fold(0, i64::saturating_add),
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
