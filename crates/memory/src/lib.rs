//! Every port that keeps or carries something, in this process and for as long
//! as it lives: the fakes of all tests, and the bus of a single node.

mod account_store;
mod bus;
mod chat;
mod conversation_store;
mod rate_limiter;
mod room;
mod session_store;
mod sessions;

pub use bus::InProcessBus;
pub use chat::InMemoryChat;
pub use rate_limiter::InProcessLimiter;
