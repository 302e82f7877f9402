//! Reads the messages of a socket.

use std::cell::Cell;
use std::rc::Rc;

use bytestring::ByteString;
use tokio::time::Instant;

use super::SessionEnd;
use crate::websocket::{ClientMessage, Incoming, Outbox};

/// Reads messages, and answers the control frames between them.
pub(crate) struct Reader {
    incoming: Box<Incoming>,
    pub(crate) outbox: Rc<Outbox>,
}

/// A message that is not a control frame.
#[derive(Debug)]
pub(crate) enum Data {
    Text(ByteString),
    /// The content is dropped, because no protocol uses binary messages.
    Binary,
    /// A message over the limit, if the reader skips these.
    TooBig,
}

impl Reader {
    pub(super) fn new(incoming: Box<Incoming>, outbox: Rc<Outbox>) -> Self {
        Self { incoming, outbox }
    }

    pub(super) fn last_received(&self) -> Rc<Cell<Instant>> {
        self.incoming.last_received()
    }

    pub(crate) fn set_limit(&self, bytes: usize) {
        self.incoming.set_limit(bytes);
    }

    /// Skips messages over the limit up to this length. Longer ones still end the socket.
    pub(crate) fn skip_too_big(&self, bytes: usize) {
        self.incoming.skip_too_big(bytes);
    }

    /// Calls `act` for each pong, with its payload and the time.
    pub(crate) fn on_pong(&self, act: impl Fn(&[u8], Instant) + 'static) {
        self.incoming.on_pong(Box::new(act));
    }

    /// Reads the next message. Cancel-safe. Must not be called after an error.
    pub(crate) async fn next(&mut self) -> Result<Data, SessionEnd> {
        loop {
            match self.incoming.next().await? {
                ClientMessage::Text(text) => return Ok(Data::Text(text)),
                ClientMessage::Binary => return Ok(Data::Binary),
                ClientMessage::TooBig => return Ok(Data::TooBig),
                ClientMessage::Ping(payload) => self.outbox.pong(&payload),
                ClientMessage::Close(code) => return Err(SessionEnd::echo(code)),
            }
        }
    }
}
