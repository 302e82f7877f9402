//! Rosters and their moves, encoded.

use application::ports::{NodeId, Roster, RosterMoves};
use domain::Username;
use serde::{Deserialize, Serialize};

use super::MAX_SENT;

/// Longest roster that is read, in bytes.
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

pub(crate) fn roster(roster: &Roster) -> Vec<u8> {
    let online = roster.online.iter().map(|(name, count)| (name.as_str().to_owned(), *count));
    let wire = RosterWire { version: roster.version, online: online.collect() };
    serde_json::to_vec(&wire).unwrap_or_default()
}

/// None, and a log line, if it is too long or malformed.
pub(crate) fn read_roster(bytes: &[u8]) -> Option<Roster> {
    let roster = (bytes.len() <= MAX_ROSTER).then(|| parse_roster(bytes)).flatten();
    if roster.is_none() {
        tracing::debug!(bytes = bytes.len(), "ignored the roster of a node: it cannot be read");
    }
    roster
}

fn parse_roster(bytes: &[u8]) -> Option<Roster> {
    let wire: RosterWire = serde_json::from_slice(bytes).ok()?;
    let parse = |(name, count): (String, u32)| Some((Username::parse(&name).ok()?, count));
    let online: Option<Vec<_>> = wire.online.into_iter().map(parse).collect();
    Some(Roster { version: wire.version, online: online? })
}

/// Encodes moves, in order, as several hints if they do not fit into one.
pub(crate) fn roster_moves(node: NodeId, moves: &RosterMoves) -> Vec<Vec<u8>> {
    let wire_moves = moves.moves.iter().map(|(name, came)| (name.as_str().to_owned(), *came));
    let wire = MovesWire { node: node.0, version: moves.version, moves: wire_moves.collect() };
    // Numbers and text always encode.
    let hint = serde_json::to_vec(&wire).unwrap_or_default();
    if hint.len() <= MAX_SENT || moves.moves.len() < 2 {
        return vec![hint];
    }
    let (first, second) = moves.moves.split_at(moves.moves.len() / 2);
    let before = moves.version.saturating_sub(second.len() as u64);
    let halves = [(before, first), (moves.version, second)];
    let halves = halves.map(|(version, moves)| RosterMoves { version, moves: moves.to_vec() });
    halves.iter().flat_map(|half| roster_moves(node, half)).collect()
}

/// None, and a log line, if the moves cannot be read.
pub(crate) fn read_moves(bytes: &[u8]) -> Option<(NodeId, RosterMoves)> {
    let wire: MovesWire = super::parse(bytes)?;
    let parse = |(name, came): (String, bool)| Some((Username::parse(&name).ok()?, came));
    let moves: Option<Vec<_>> = wire.moves.into_iter().map(parse).collect();
    Some((NodeId(wire.node), RosterMoves { version: wire.version, moves: moves? }))
}

#[cfg(test)]
mod tests {
    use application::ports::{NodeId, Roster, RosterMoves};
    use domain::Username;

    use super::super::{MAX_READ, MAX_SENT};
    use super::{read_moves, read_roster, roster, roster_moves};

    fn name(text: &str) -> Username {
        Username::parse(text).unwrap()
    }

    #[test]
    fn rosters_and_moves_are_read_as_they_were_written() {
        let stored = Roster { version: 9, online: vec![(name("ann"), 2), (name("Bob"), 1)] };
        let moves =
            RosterMoves { version: 3, moves: vec![(name("ann"), true), (name("x"), false)] };

        assert_eq!(read_roster(&roster(&stored)), Some(stored));
        let hints = roster_moves(NodeId(5), &moves);
        assert_eq!(hints.len(), 1);
        assert_eq!(read_moves(&hints[0]), Some((NodeId(5), moves)));
    }

    #[test]
    fn too_many_moves_for_a_hint_become_several_in_sequence() {
        let all: Vec<_> = (0..2_000).map(|n| (name(&format!("user-{n}")), n % 3 > 0)).collect();
        let moves = RosterMoves { version: 5_000, moves: all.clone() };

        let hints = roster_moves(NodeId(5), &moves);

        let mut version = 3_000;
        let mut got = Vec::new();
        for hint in &hints {
            assert!(hint.len() <= MAX_SENT);
            let (_, read) = read_moves(hint).unwrap();
            version += read.moves.len() as u64;
            assert_eq!(read.version, version);
            got.extend(read.moves);
        }
        assert_eq!(got, all);
    }

    #[test]
    fn too_long_or_invalid_moves_and_rosters_are_not_read() {
        let long = format!(r#"{{"node":1,"version":1,"moves":[]{}}}"#, " ".repeat(MAX_READ));
        let nameless = r#"{"node":1,"version":1,"moves":[["",true]]}"#;

        assert_eq!(read_moves(long.as_bytes()), None);
        assert_eq!(read_moves(nameless.as_bytes()), None);
        assert_eq!(read_roster(br#"{"version":1,"online":[["ann",-1]]}"#), None);
    }
}
