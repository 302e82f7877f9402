//! Test support: values, test doubles, and one contract for each port.
//!
//! For dev-dependencies only: it panics to report failures.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a panic is how a test reports"
)]

pub mod contracts;
pub mod costs;
mod dice;
mod doubles;
mod fixture;
mod redis_server;
mod tcp_proxy;
pub mod values;

pub use dice::Dice;
pub use doubles::{
    Fault, FaultyStore, FixedClock, Hold, InstantHasher, ManualClock, Operation, PlainSigner,
    RecordingBroadcast, SequentialIds,
};
pub use fixture::Fixture;
pub use redis_server::RedisServer;
pub use tcp_proxy::{Line, TcpProxy};

use std::time::Duration;

/// How long a test waits for something that has to happen.
pub const TEST_TIMEOUT: Duration = Duration::from_secs(20);
