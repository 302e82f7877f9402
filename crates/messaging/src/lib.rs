//! What goes between nodes, over Redis: hints, leases and shared limits. All
//! of it may be lost, and none of it is waited for.
//!
//! One [`RedisLink`] leads to all of it: a connection that subscribes, and one
//! that publishes what waits in one go. The limits have one of their own.

mod bus;
mod inbox;
mod limits;
mod link;
mod outbox;
mod publisher;
mod request_error;
mod rosters;
mod subscriber;
mod wire;

pub use bus::RedisBus;
pub use limits::RedisLimiter;
pub use link::{RedisError, RedisLink, RedisTask};
pub use rosters::RedisRosters;
