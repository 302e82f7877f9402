//! What the sockets of all protocols share: how deliveries of the hub reach the sockets of
//! a worker, and how silent clients are found.

mod delivery_loop;
mod fanout;
mod heartbeat;
mod registry;

pub use self::fanout::Fanout;

pub(crate) use self::delivery_loop::{DeliveryLoop, Protocol};
pub(crate) use self::heartbeat::{Heartbeat, HeartbeatSettings};
pub(crate) use self::registry::Registry;
