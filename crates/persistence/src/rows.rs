//! Database rows, and their conversion to domain values.

mod account;
mod audit;
mod conversation;
mod invite;
mod message;
mod session;

pub(crate) use account::{AccountRow, ProfileRow, account_facts, added_by, username};
pub(crate) use audit::{AuditRow, NewAuditRow};
pub(crate) use conversation::{
    ConversationRow, HeadRow, InboxRow, LockedHeadRow, MemberRow, NamedMemberRow,
    WrittenConversationRow, view_version,
};
pub(crate) use invite::{InviteRow, code_bytes};
pub(crate) use message::{
    ChangingRow, FoundRow, MessageRow, NewMentionRow, NewMessageRow, QueuedRow,
};
pub(crate) use session::{ActiveSessionRow, SessionRow, session_id, session_number};
