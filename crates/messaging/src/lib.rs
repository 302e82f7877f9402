//! What nodes share over Redis, all of which may be lost.

mod limits;

pub use limits::RedisLimiter;
