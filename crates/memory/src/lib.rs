//! In-memory adapters of the storage and messaging ports. Tests use them as fakes; a single node uses
//! the bus, the rosters and the rate limiter.

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
