//! Rosters, and what is done to them.

use application::ports::{NodeId, Roster, RosterMoves};
use domain::Username;
use serde::{Deserialize, Serialize};

use super::MAX_HINT;

/// Longest roster that is taken from another node, in bytes.
const MAX_ROSTER: usize = 16 * 1024 * 1024;

#[derive(Serialize, Deserialize)]
struct RosterWire {
    version: u64,
    online: Vec<(String, u32)>,
}

#[derive(Serialize, Deserialize)]
struct MovesWire {
    node: u64,
    version: u64,
    moves: Vec<(String, bool)>,
}

/// A roster as it is kept.
pub(crate) fn roster(roster: &Roster) -> Vec<u8> {
    let online = roster.online.iter().map(|(name, count)| (name.as_str().to_owned(), *count));
    let wire = RosterWire { version: roster.version, online: online.collect() };
    serde_json::to_vec(&wire).unwrap_or_default()
}

/// A roster that another node keeps, unless it cannot be read.
pub(crate) fn read_roster(bytes: &[u8]) -> Option<Roster> {
    if bytes.len() > MAX_ROSTER {
        return None;
    }
    let wire: RosterWire = serde_json::from_slice(bytes).ok()?;
    let parse = |(name, count): (String, u32)| Some((Username::parse(&name).ok()?, count));
    let online: Option<Vec<_>> = wire.online.into_iter().map(parse).collect();
    Some(Roster { version: wire.version, online: online? })
}

/// A hint of moves, unless there are too many for one.
pub(crate) fn roster_moves(NodeId(node): NodeId, moves: &RosterMoves) -> Option<Vec<u8>> {
    let told = moves.moves.iter().map(|(name, came)| (name.as_str().to_owned(), *came));
    let wire = MovesWire { node, version: moves.version, moves: told.collect() };
    serde_json::to_vec(&wire).ok().filter(|hint| hint.len() <= MAX_HINT)
}

pub(super) fn read_moves(bytes: &[u8]) -> Option<(NodeId, RosterMoves)> {
    let wire: MovesWire = serde_json::from_slice(bytes).ok()?;
    let parse = |(name, came): (String, bool)| Some((Username::parse(&name).ok()?, came));
    let moves: Option<Vec<_>> = wire.moves.into_iter().map(parse).collect();
    Some((NodeId(wire.node), RosterMoves { version: wire.version, moves: moves? }))
}

#[cfg(test)]
mod tests {
    use application::ports::{NodeId, Roster, RosterMoves};
    use domain::Username;

    use super::{read_moves, read_roster, roster, roster_moves};

    fn name(text: &str) -> Username {
        Username::parse(text).unwrap()
    }

    #[test]
    fn rosters_and_moves_are_read_as_they_were_written() {
        let kept = Roster { version: 9, online: vec![(name("ann"), 2), (name("Bob"), 1)] };
        let moves =
            RosterMoves { version: 3, moves: vec![(name("ann"), true), (name("x"), false)] };

        assert_eq!(read_roster(&roster(&kept)), Some(kept));
        let hint = roster_moves(NodeId(5), &moves).unwrap();
        assert_eq!(read_moves(&hint), Some((NodeId(5), moves)));
    }

    #[test]
    fn more_moves_than_a_hint_holds_are_left_to_the_roster() {
        let moves = RosterMoves { version: 1, moves: vec![(name("somebody"), true); 2_000] };

        assert_eq!(roster_moves(NodeId(5), &moves), None);
    }
}
