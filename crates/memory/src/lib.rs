//! Every port that keeps or carries something, in this process and for as long
//! as it lives: the fakes of all tests, and what a single node has for others.

mod account_store;
mod audit_log;
mod bus;
mod chat;
mod conversation_store;
mod inbox_store;
mod invite_store;
mod known_address_store;
mod rate_limiter;
mod room;
mod rosters;
mod search;
mod session_store;
mod sessions;

pub use bus::InProcessBus;
pub use chat::InMemoryChat;
pub use rate_limiter::InProcessLimiter;
pub use rosters::InProcessRosters;
