//! Encoded WebSocket frames. Those of a server are not masked, so one buffer
//! serves every socket.

use bytes::Bytes;

use crate::budget::{Budget, Charge};

const FIN: u8 = 0x80;
const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;
const PONG: u8 = 0xA;

/// Longest head of a frame.
const HEAD: usize = 10;
/// Longest payload of a control frame.
const CONTROL: usize = 125;

/// A whole text frame. Clones share its buffer, which the budget is charged
/// with once, for as long as the last of them lives.
#[derive(Debug, Clone)]
pub struct Frame(Bytes);

struct Charged {
    buffer: Vec<u8>,
    _charge: Charge,
}

impl AsRef<[u8]> for Charged {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Frame {
    /// The frame whose text `write` appends, of about `capacity` bytes.
    pub fn text(budget: &Budget, capacity: usize, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut buffer = Vec::with_capacity(HEAD + capacity);
        buffer.resize(HEAD, 0);
        write(&mut buffer);
        let length = buffer.len() - HEAD;
        let mut head = Vec::with_capacity(HEAD);
        head.push(FIN | TEXT);
        match (u8::try_from(length), u16::try_from(length)) {
            (Ok(short), _) if usize::from(short) <= CONTROL => head.push(short),
            (_, Ok(medium)) => {
                head.push(126);
                head.extend(medium.to_be_bytes());
            }
            _ => {
                head.push(127);
                head.extend((length as u64).to_be_bytes());
            }
        }
        let start = HEAD - head.len();
        if let Some(place) = buffer.get_mut(start..HEAD) {
            place.copy_from_slice(&head);
        }
        let charge = budget.charge(buffer.capacity());
        Self(Bytes::from_owner(Charged { buffer, _charge: charge }).slice(start..))
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

/// A ping without payload.
pub(super) static PING: Bytes = Bytes::from_static(&[FIN | 0x9, 0]);

/// The answer to a ping.
pub(super) fn pong(payload: &[u8]) -> Bytes {
    control(PONG, payload.get(..CONTROL).unwrap_or(payload))
}

/// A close frame without a reason in words.
pub(super) fn close(code: Option<u16>) -> Bytes {
    code.map_or_else(|| control(CLOSE, &[]), |code| control(CLOSE, &code.to_be_bytes()))
}

fn control(opcode: u8, payload: &[u8]) -> Bytes {
    let length = u8::try_from(payload.len()).unwrap_or_default();
    [&[FIN | opcode, length], payload].concat().into()
}

#[cfg(test)]
mod tests {
    use super::{Budget, Frame, close, pong};

    #[test]
    fn the_head_tells_the_length_in_its_shortest_form() {
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
    fn a_shared_buffer_is_charged_once_for_as_long_as_it_lives() {
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
        assert_eq!(&close(Some(4003))[..], [0x88, 2, 0x0f, 0xa3]);
        assert_eq!(&close(None)[..], [0x88, 0]);
        assert_eq!(pong(&[1; 200]).len(), 127);
    }
}
