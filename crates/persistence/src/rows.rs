//! Rows as the database keeps them, and their way into the domain: they are
//! parsed like any other input.

mod account;
mod conversation;
mod family;
mod message;

pub(crate) use account::{AccountRow, account_facts, username};
pub(crate) use conversation::{
    HeadRow, LockedHeadRow, MemberRow, NewMemberRow, conversation, kind_text,
};
pub(crate) use family::{FamilyRow, session_id, session_number};
pub(crate) use message::{MessageRow, NewMessageRow};
