//! Frames of [RFC 6455](https://www.rfc-editor.org/rfc/rfc6455) §5, encoded cheaply: the server cannot use the
//! processor time that the load generator takes.

/// Two bytes of length follow.
const TWO_BYTES: u8 = 0x7e;
/// Eight bytes of length follow.
const EIGHT_BYTES: u8 = 0x7f;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Ping,
    Close,
    Other,
}

/// The complete frame at the front of `bytes`: its kind, its payload, and its length.
pub(crate) fn first(bytes: &[u8]) -> Option<(Kind, &[u8], usize)> {
    let (&[first, second], rest) = bytes.split_first_chunk()?;
    let is_masked = second & 0x80 != 0;
    let (length, rest) = match second & 0x7f {
        TWO_BYTES => {
            let (length, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        EIGHT_BYTES => {
            let (length, rest) = rest.split_first_chunk()?;
            (usize::try_from(u64::from_be_bytes(*length)).ok()?, rest)
        }
        short => (usize::from(short), rest),
    };
    // Clients here mask with zero, see below.
    let rest = if is_masked { rest.get(4..)? } else { rest };
    let payload = rest.get(..length)?;
    let kind = match first & 0x0f {
        1 => Kind::Text,
        8 => Kind::Close,
        9 => Kind::Ping,
        _ => Kind::Other,
    };
    Some((kind, payload, bytes.len() - rest.len() + length))
}

/// A text frame of a client. Its mask is zero: that costs the server what any
/// other does, and us nothing.
pub(crate) fn masked_text(text: &[u8]) -> Vec<u8> {
    encode(0x81, 0x80, text)
}

/// A text frame of a server.
pub(crate) fn text(text: &[u8]) -> Vec<u8> {
    encode(0x81, 0, text)
}

/// The answer to a ping.
pub(crate) fn masked_pong(payload: &[u8]) -> Vec<u8> {
    encode(0x8a, 0x80, payload)
}

fn encode(first: u8, mask: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + 14);
    frame.push(first);
    if let Ok(short @ 0..126) = u8::try_from(payload.len()) {
        frame.push(mask | short);
    } else if let Ok(length) = u16::try_from(payload.len()) {
        frame.push(mask | TWO_BYTES);
        frame.extend(length.to_be_bytes());
    } else {
        frame.push(mask | EIGHT_BYTES);
        frame.extend((payload.len() as u64).to_be_bytes());
    }
    if mask != 0 {
        frame.extend([0; 4]);
    }
    frame.extend_from_slice(payload);
    frame
}

#[cfg(test)]
mod tests {
    use super::{Kind, first, masked_pong, masked_text, text};

    #[test]
    fn a_frame_is_found_once_it_is_complete() {
        for length in [0, 125, 126, 65_535, 65_536] {
            let payload = vec![b'x'; length];
            for frame in [text(&payload), masked_text(&payload)] {
                let part = first(&frame[..frame.len() - 1]);
                assert!(part.is_none(), "length {length}");

                let followed = [frame.as_slice(), b"more"].concat();
                assert_eq!(first(&followed), Some((Kind::Text, payload.as_slice(), frame.len())));
            }
        }
        assert_eq!(masked_pong(b"p"), [0x8a, 0x81, 0, 0, 0, 0, b'p']);
    }
}
