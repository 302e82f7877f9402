//! One WebSocket over a connection of [`crate::transport`]: its handshake, frames and close
//! codes, what the client sends, and what waits to be sent to it.

mod flusher;
mod frame;
mod handshake;
mod incoming;
mod outbox;
mod socket;

pub use self::frame::Frame;

pub(crate) use self::flusher::Flusher;
pub(crate) use self::handshake::{NoHandshake, answer};
pub(crate) use self::incoming::{ClientMessage, Incoming, ReadError};
pub(crate) use self::outbox::{Backlog, Durability, Outbox, Pushed, QueueLimits};
pub(crate) use self::socket::{Socket, SocketLimits, open};
