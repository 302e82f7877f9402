//! The API of v1 as a client meets it, on adapters in memory.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test reports, also outside of test functions"
)]

mod accounts;
mod authorization;
mod client;
mod conversations;
mod export;
mod members;
mod messages;
mod problems;
mod profile;
#[expect(dead_code, reason = "the socket tries more of it")]
mod scene;
mod search;
mod sessions;
#[expect(dead_code, reason = "the other face needs more of it")]
#[path = "../compat/world.rs"]
mod world;
