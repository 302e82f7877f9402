//! Opaque places in lists: what a client is given, it gives back, and nothing else is taken.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::problem::Problem;

/// Which list a place belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    Conversations = 1,
    Messages = 2,
    Pins = 3,
    Members = 4,
    Invites = 5,
    Moderation = 6,
    Sessions = 7,
    Search = 8,
}

const CHECK: usize = 6;

/// A place in `list`, made of some numbers.
pub(crate) fn encode(list: List, numbers: &[i128]) -> String {
    let mut bytes = vec![list as u8];
    bytes.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
    let check = check(&bytes);
    bytes.extend(check);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The numbers of a place.
///
/// # Errors
///
/// 400 at `field` for what is no place in this list.
pub(crate) fn decode<const N: usize>(
    list: List,
    field: &'static str,
    text: &str,
) -> Result<[i128; N], Problem> {
    numbers(list, text)
        .ok_or_else(|| Problem::field(field, "cursor", "must be a cursor that this list has given"))
}

fn numbers<const N: usize>(list: List, text: &str) -> Option<[i128; N]> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (payload, given) = bytes.split_at_checked(1 + 16 * N)?;
    let (kind, rest) = payload.split_first()?;
    if *kind != list as u8 || given != check(payload) {
        return None;
    }
    let mut numbers = [0; N];
    for (number, bytes) in numbers.iter_mut().zip(rest.chunks_exact(16)) {
        *number = i128::from_be_bytes(bytes.try_into().ok()?);
    }
    Some(numbers)
}

/// Tells what was altered by mistake; it is no secret.
fn check(bytes: &[u8]) -> [u8; CHECK] {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    digest.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{List, decode, encode};

    #[test]
    fn a_place_is_taken_back_as_it_was_given_and_only_by_its_list() {
        let place = encode(List::Messages, &[7, -1]);

        assert_eq!(decode(List::Messages, "before", &place), Ok([7, -1]));
        assert!(decode::<2>(List::Members, "before", &place).is_err());
        assert!(decode::<1>(List::Messages, "before", &place).is_err());
        for wrong in ["", "7", "ä", &place[1..], &place.to_lowercase()] {
            assert!(decode::<2>(List::Messages, "before", wrong).is_err(), "{wrong}");
        }
    }
}
