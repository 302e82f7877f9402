//! The v1 API, on adapters in memory.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking, also in helper functions"
)]

mod accounts;
mod authorization;
mod client;
mod conversations;
mod documents;
mod export;
mod invitations;
mod members;
mod messages;
mod problems;
mod profile;
mod requests;
#[expect(dead_code, reason = "the socket tries more of it")]
mod scene;
mod search;
mod sessions;
#[path = "../documents/strict.rs"]
mod strict;
#[expect(dead_code, reason = "the other tests use more of it")]
#[path = "../compat/world.rs"]
mod world;
