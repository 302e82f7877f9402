//! What goes between nodes, over Redis.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test reports")]

mod contracts;
mod encryption;
mod limits;
mod outages;
mod place;
mod presence;
