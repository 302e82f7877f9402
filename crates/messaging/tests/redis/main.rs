//! Communication between nodes over Redis. Each test starts a Redis of its own.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test reports")]

mod contracts;
mod encryption;
mod limits;
mod nodes;
mod outages;
mod presence;
