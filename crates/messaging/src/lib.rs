//! Communication between nodes over Redis: hints, presence leases and shared
//! rate limits. All of it may be lost, and no write waits for it.
//!
//! A [`RedisLink`] holds what the adapters share: one connection that
//! subscribes, one that publishes, and a small pool for leases. The limiter
//! has a connection of its own.

mod bus;
mod limiter;
mod publisher;
mod queue;
mod redis_link;
mod rosters;
mod subscriber;
mod wire;

pub use bus::RedisBus;
pub use limiter::RedisLimiter;
pub use redis_link::{RedisError, RedisLink, RedisTask};
pub use rosters::RedisRosters;
