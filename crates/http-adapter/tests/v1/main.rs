//! The API of v1 as a client meets it, on adapters in memory.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test reports, also outside of test functions"
)]

mod accounts;
mod authorization;
mod client;
mod conversations;
mod documents;
mod export;
mod members;
mod messages;
mod problems;
mod profile;
#[expect(dead_code, reason = "the socket tries more of it")]
mod scene;
mod search;
mod sessions;
#[path = "../documents/strict.rs"]
mod strict;
#[expect(dead_code, reason = "the other face needs more of it")]
#[path = "../compat/world.rs"]
mod world;
