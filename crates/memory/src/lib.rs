//! In-memory adapters of all ports. Tests use the stores as fakes; a single node uses the bus, the
//! rosters and the rate limiter.

mod bus;
mod rate_limiter;
mod rosters;
mod store;

pub use bus::InProcessBus;
pub use rate_limiter::InProcessLimiter;
pub use rosters::InProcessRosters;
pub use store::InMemoryChat;
