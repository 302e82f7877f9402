//! The built program, seen from the outside only: its wire, its log, its
//! command line and its end. One target, so that the harness is linked once.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that cannot go on should fail"
)]

mod cli;
mod crash;
mod data_folder;
mod hostile;
mod journeys;
mod limits;
mod logs;
#[cfg(feature = "services")]
mod nodes;
mod shutdown;
mod storm;
mod support;
mod v1;
mod views;
