//! A conversation as one of its members sees it.

use application::ports::InboxEntry;
use diesel::prelude::{Queryable, Selectable};
use domain::MsgNo;

use super::{ConversationRow, HeadRow, NamedMemberRow};
use crate::failure::CorruptRow;
use crate::schema::members;

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
}

impl TryFrom<InboxRow> for InboxEntry {
    type Error = CorruptRow;

    /// Without what other tables know.
    fn try_from(row: InboxRow) -> Result<Self, CorruptRow> {
        Ok(Self {
            conversation: row.conversation.try_into()?,
            head: row.head.into(),
            member: Some(row.member.try_into()?),
            read_no: MsgNo::new(row.read_no),
            muted: row.muted,
            unread_mentions: 0,
            other: None,
        })
    }
}
