//! The storage ports, over one state under one lock.

mod account_store;
mod conversation;
mod conversation_store;
mod inbox_store;
mod session_store;
mod state;

pub use state::InMemoryChat;
