//! Small stand-ins for the ports that need no database.

mod clock;
mod faulty_store;
mod hold;
mod instant_hasher;
mod local_broadcast;
mod lone_bus;
mod plain_signer;
mod sequential_ids;

pub use clock::{FixedClock, ManualClock};
pub use faulty_store::{Fault, FaultyStore, Operation};
pub use hold::Hold;
pub(crate) use hold::{Gate, gate};
pub use instant_hasher::InstantHasher;
pub use local_broadcast::RecordingOutlet;
pub(crate) use lone_bus::LoneBus;
pub use plain_signer::PlainSigner;
pub use sequential_ids::SequentialIds;
