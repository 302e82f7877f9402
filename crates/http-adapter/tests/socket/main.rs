//! Both sockets on a real server at a loopback port, with adapters in memory.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test reports, also outside of test functions"
)]

#[path = "../compat/captured.rs"]
mod captured;
mod client;
mod closing;
mod connecting;
#[path = "../documents/described.rs"]
mod described;
mod healing;
mod hostile;
mod limits;
mod log;
mod messages;
#[expect(dead_code, reason = "the other face needs more of it")]
#[path = "../v1/scene.rs"]
mod scene;
mod slow;
#[path = "../documents/strict.rs"]
mod strict;
mod upgrading;
mod v1;
mod world;
