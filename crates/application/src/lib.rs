//! What a user can do, and the ports that doing it needs.

pub mod ports;

pub mod accounts;
mod messages;

mod batcher;
mod hub;
mod limits;
mod presence;
mod snapshots;

pub use batcher::{Batcher, BatcherTask, CommitError};
pub use hub::{Hub, HubTask, HubTiming};
pub use limits::{ClientAddress, LimitRules, Limits, SignInTurn, SocketPlace, TooManySockets};
pub use messages::{MessageError, Messages};
pub use presence::{Presence, PresenceTask, PresenceTiming};
pub use snapshots::{SnapshotUnavailable, Snapshots, SnapshotsTask};
