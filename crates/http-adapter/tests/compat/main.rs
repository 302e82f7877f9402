//! The compat API and the pages, on adapters in memory.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking, also in helper functions"
)]

mod accounts;
mod authorization;
mod bodies;
mod captured;
mod delivery;
mod limits;
mod log;
mod messages;
mod metadata;
mod pages;
mod plumbing;
#[expect(dead_code, reason = "the other tests use more of it")]
mod world;
