//! Encoded WebSocket frames. A server does not mask frames, so one buffer serves every socket.

use actix_http::ws::{OpCode, Parser};
use bytes::{Bytes, BytesMut};

use super::CloseCode;
use crate::budget::{Budget, Charge};

/// Bytes of the longest frame head of a server.
const MAX_HEAD: usize = 10;
/// Bytes of the longest payload of a control frame.
pub(super) const MAX_CONTROL_PAYLOAD: usize = 125;

/// A whole text frame, perhaps with a ping behind it. Clones share one buffer, which is charged to the
/// budget once until the last of them is dropped.
#[derive(Debug, Clone)]
pub struct Frame(Bytes);

struct Charged {
    buffer: BytesMut,
    _charge: Charge,
}

impl AsRef<[u8]> for Charged {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Frame {
    /// Encodes the text that `write` appends, of about `capacity` bytes.
    pub fn text(budget: &Budget, capacity: usize, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut text = Vec::with_capacity(capacity);
        write(&mut text);
        let mut buffer = BytesMut::with_capacity(MAX_HEAD + text.len());
        Parser::write_message(&mut buffer, text, OpCode::Text, true, false);
        Self::charged(budget, buffer)
    }

    /// The same frame with a ping behind it, so that both leave in one write.
    pub(crate) fn with_ping(&self, budget: &Budget, payload: &[u8]) -> Self {
        let ping = ping(payload);
        let mut buffer = BytesMut::with_capacity(self.len() + ping.len());
        buffer.extend_from_slice(&self.0);
        buffer.extend_from_slice(&ping);
        Self::charged(budget, buffer)
    }

    /// A ping that does not overtake the frames before it.
    pub(crate) fn queued_ping(payload: &[u8]) -> Self {
        Self(ping(payload))
    }

    fn charged(budget: &Budget, buffer: BytesMut) -> Self {
        let charge = budget.charge(buffer.capacity());
        Self(Bytes::from_owner(Charged { buffer, _charge: charge }))
    }

    /// Bytes on the wire.
    #[expect(clippy::len_without_is_empty, reason = "a frame is never empty")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn bytes(&self) -> Bytes {
        self.0.clone()
    }
}

pub(super) fn ping(payload: &[u8]) -> Bytes {
    control(OpCode::Ping, payload)
}

pub(super) fn pong(payload: &[u8]) -> Bytes {
    control(OpCode::Pong, payload.get(..MAX_CONTROL_PAYLOAD).unwrap_or(payload))
}

pub(super) fn close(code: CloseCode) -> Bytes {
    let mut buffer = BytesMut::new();
    Parser::write_close(&mut buffer, code.reason(), false);
    buffer.freeze()
}

fn control(opcode: OpCode, payload: &[u8]) -> Bytes {
    let mut buffer = BytesMut::new();
    Parser::write_message(&mut buffer, payload, opcode, true, false);
    buffer.freeze()
}

#[cfg(test)]
mod tests {
    use super::{Budget, CloseCode, Frame, close, pong};

    #[test]
    fn the_head_has_the_shortest_form_of_the_length() {
        let budget = Budget::new(0);
        let cases: [(usize, &[u8]); 6] = [
            (0, &[0x81, 0]),
            (125, &[0x81, 125]),
            (126, &[0x81, 126, 0, 126]),
            (65_535, &[0x81, 126, 0xff, 0xff]),
            (65_536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
            (70_000, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70]),
        ];
        for (length, head) in cases {
            let frame = Frame::text(&budget, 0, |out| out.resize(out.len() + length, b'x')).bytes();

            assert_eq!(&frame[..head.len()], head, "length {length}");
            assert_eq!(frame.len(), head.len() + length, "length {length}");
        }
    }

    #[test]
    fn a_shared_buffer_is_charged_once_until_its_last_clone_is_dropped() {
        let budget = Budget::new(100);
        let frame = Frame::text(&budget, 200, |out| out.resize(out.len() + 200, b'x'));
        let clones: Vec<_> = (0..1000).map(|_| frame.bytes()).collect();

        let while_shared = budget.used();
        drop(frame);
        let until_the_last = budget.used();
        drop(clones);

        assert_eq!((while_shared, until_the_last, budget.used()), (210, 210, 0));
    }

    #[test]
    fn control_frames_hold_at_most_125_bytes() {
        assert_eq!(&close(CloseCode::NoAccess)[..], [0x88, 2, 0x0f, 0xa3]);
        assert_eq!(&close(CloseCode::Echo(None))[..], [0x88, 0]);
        assert_eq!(pong(&[1; 200]).len(), 127);
    }
}
