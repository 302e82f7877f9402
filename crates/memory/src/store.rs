//! The storage ports, over one state under one lock.

mod account_store;
mod audit_log;
mod conversation;
mod conversation_store;
mod inbox_store;
mod invite_store;
mod known_address_store;
mod search;
mod session_store;
mod sessions;
mod state;

pub use state::InMemoryChat;
