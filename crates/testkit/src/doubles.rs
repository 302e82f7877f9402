//! Test doubles of ports.

mod clock;
mod credentials;
mod faulty_store;
mod hold;
mod recording_broadcast;
mod sequential_ids;
mod single_node_bus;

pub use clock::{FixedClock, ManualClock};
pub use credentials::{InstantHasher, PlainSigner};
pub use faulty_store::{Fault, FaultyStore, Operation};
pub use hold::Hold;
pub(crate) use hold::{Gate, gate};
pub use recording_broadcast::RecordingBroadcast;
pub use sequential_ids::SequentialIds;
pub(crate) use single_node_bus::SingleNodeBus;
