//! Servers of one test, which it may kill, stop and start again.

mod redis;

pub use redis::RedisServer;
