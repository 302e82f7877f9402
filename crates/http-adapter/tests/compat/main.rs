//! The API and the pages as a client meets them, on adapters in memory.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test reports, also outside of test functions"
)]

mod accounts;
mod authorization;
mod bodies;
mod delivery;
mod limits;
mod log;
mod messages;
mod metadata;
mod pages;
mod plumbing;
#[expect(dead_code, reason = "the other face needs more of it")]
mod world;
