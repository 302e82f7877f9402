//! Rows as the database keeps them, and their way into the domain: they are
//! parsed like any other input.

mod account;
mod audit;
mod columns;
mod conversation;
mod found;
mod inbox;
mod invite;
mod member;
mod message;
mod reaction;
mod session;

pub(crate) use account::{AccountRow, ProfileRow, account_facts, username};
pub(crate) use audit::{AuditRow, NewAuditRow};
pub(crate) use columns::{LockedHeadColumns, MemberColumns};
pub(crate) use conversation::{ConversationRow, HeadRow, LockedHeadRow, NewConversationRow};
pub(crate) use found::FoundRow;
pub(crate) use inbox::InboxRow;
pub(crate) use invite::{InviteRow, code_bytes};
pub(crate) use member::{MemberRow, NamedMemberRow, NewMemberRow, role_text};
pub(crate) use message::{MessageRow, NewMentionRow, NewMessageRow};
pub(crate) use reaction::{mentions_text, reactions_text};
pub(crate) use session::{ActiveSessionRow, SessionRow, session_id, session_number};
