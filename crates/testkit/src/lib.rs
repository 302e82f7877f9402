//! What tests are made of: values, doubles, and one contract suite per port.
//!
//! A dev-dependency only: it panics to report.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a panic is how a test reports"
)]

pub mod values;

pub mod costs;

mod dice;

mod fixture;

mod doubles;

mod services;

pub mod contracts;

pub use dice::Dice;
pub use doubles::{
    Fault, FaultyStore, FixedClock, Hold, InstantHasher, ManualClock, Operation, PlainSigner,
    RecordingOutlet, SequentialIds,
};
pub use fixture::Fixture;
pub use services::RedisServer;

use std::time::Duration;

/// How long a test waits for something that has to happen.
pub const PATIENCE: Duration = Duration::from_secs(20);
