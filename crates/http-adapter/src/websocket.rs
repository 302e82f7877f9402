//! One WebSocket over a connection of [`crate::transport`]: handshake, frames, close codes, reader
//! and outbox.

mod close_code;
mod flusher;
mod frame;
mod frame_chunks;
mod handshake;
mod incoming;
mod outbox;

pub use self::frame::Frame;

pub(crate) use self::close_code::CloseCode;
pub(crate) use self::flusher::Flusher;
pub(crate) use self::handshake::{Handshake, NoHandshake, SocketLimits, UPGRADE_REQUIRED};
pub(crate) use self::incoming::{ClientMessage, Incoming, ReadError};
pub(crate) use self::outbox::{Backlog, Durability, Outbox, Pushed, QueueLimits};
