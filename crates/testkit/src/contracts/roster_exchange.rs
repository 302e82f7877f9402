//! The contract of [`application::ports::RosterExchange`].

use std::sync::Arc;
use std::time::Duration;

use application::ports::{NodeId, Roster, RosterExchange, RosterMoves, Rosters};
use futures_util::future::{join_all, poll_immediate};
use tokio::time::timeout;

use crate::TEST_TIMEOUT;
use crate::values::username;

/// Three nodes on one healthy exchange, each with its id.
pub type Nodes = Vec<(NodeId, Arc<dyn RosterExchange>)>;

/// Runs every case of the contract as its own test.
///
/// `$linked` is an `async fn() -> Nodes` that makes three nodes on one healthy
/// exchange, which receive each other's hints.
#[macro_export]
macro_rules! roster_exchange_contract {
    ($linked:ident) => {
        $crate::contract_cases! { roster_exchange, $linked,
            a_renewal_returns_the_rosters_of_all_other_nodes,
            a_renewal_replaces_the_previous_roster,
            a_withdrawn_roster_is_gone_until_it_is_renewed,
            long_rosters_with_unusual_names_are_read_unchanged,
            all_nodes_see_the_same_instance,
            concurrent_renewals_miss_no_node,
            every_other_node_receives_moves_with_their_node,
            moves_arrive_in_order,
            any_number_of_moves_arrives_complete,
            a_version_without_moves_arrives,
            a_dropped_wait_loses_nothing,
            publishing_never_waits_for_slow_receivers,
        }
    };
}

fn roster(version: u64, online: &[(&str, u32)]) -> Roster {
    let online = online.iter().map(|(name, count)| (username(name), *count)).collect();
    Roster { version, online }
}

fn joining(version: u64, name: &str) -> RosterMoves {
    RosterMoves { version, moves: vec![(username(name), true)] }
}

async fn next_moves(node: &dyn RosterExchange) -> (NodeId, RosterMoves) {
    timeout(TEST_TIMEOUT, node.next()).await.expect("no hint arrived")
}

/// By node.
fn sorted(rosters: Rosters) -> Vec<(NodeId, Roster)> {
    let mut others = rosters.others;
    others.sort_by_key(|(node, _)| *node);
    others
}

/// And not its own.
pub async fn a_renewal_returns_the_rosters_of_all_other_nodes(nodes: Nodes) {
    let [(a, one), (b, two), (_, three)] = &nodes[..] else { panic!("three nodes are needed") };
    let (of_one, of_two) = (roster(3, &[("ann", 2), ("Bob", 1)]), roster(1, &[("bob", 1)]));

    let alone = one.renew(&of_one).await.unwrap();
    let second = two.renew(&of_two).await.unwrap();
    let third = three.renew(&Roster::default()).await.unwrap();

    assert_eq!(sorted(alone), []);
    assert_eq!(sorted(second), [(*a, of_one.clone())]);
    let mut want = [(*a, of_one), (*b, of_two)];
    want.sort_by_key(|(node, _)| *node);
    assert_eq!(sorted(third), want);
}

/// Also by an empty one.
pub async fn a_renewal_replaces_the_previous_roster(nodes: Nodes) {
    let ((a, one), (_, two)) = (&nodes[0], &nodes[1]);

    for of_one in [roster(1, &[("ann", 1)]), roster(4, &[("bob", 3)]), roster(9, &[])] {
        one.renew(&of_one).await.unwrap();
        let seen = two.renew(&Roster::default()).await.unwrap();

        assert_eq!(sorted(seen), [(*a, of_one)]);
    }
}

/// Withdrawing twice changes nothing.
pub async fn a_withdrawn_roster_is_gone_until_it_is_renewed(nodes: Nodes) {
    let ((a, one), (_, two)) = (&nodes[0], &nodes[1]);
    let of_one = roster(1, &[("ann", 1)]);
    one.renew(&of_one).await.unwrap();

    one.withdraw().await;
    one.withdraw().await;
    let gone = two.renew(&Roster::default()).await.unwrap();
    one.renew(&of_one).await.unwrap();
    let back = two.renew(&Roster::default()).await.unwrap();

    assert_eq!(sorted(gone), []);
    assert_eq!(sorted(back), [(*a, of_one)]);
}

/// Thousands of names in any script, and the highest counts.
pub async fn long_rosters_with_unusual_names_are_read_unchanged(nodes: Nodes) {
    let ((a, one), (_, two)) = (&nodes[0], &nodes[1]);
    let mut of_one = roster(u64::MAX, &[("ЖанŽ漢字", u32::MAX), ("a.b-c_d@e+f", 1)]);
    of_one.online.extend((0..5_000).map(|n| (username(&format!("user{n}")), n + 1)));

    one.renew(&of_one).await.unwrap();
    let seen = two.renew(&Roster::default()).await.unwrap();

    assert_eq!(sorted(seen), [(*a, of_one)]);
}

pub async fn all_nodes_see_the_same_instance(nodes: Nodes) {
    let mut seen = Vec::new();
    for (_, node) in nodes.iter().chain(&nodes) {
        seen.push(node.renew(&Roster::default()).await.unwrap().instance);
    }

    assert!(seen.iter().all(|instance| *instance == seen[0]), "{seen:?}");
}

pub async fn concurrent_renewals_miss_no_node(nodes: Nodes) {
    for version in 0..20 {
        let of_each = roster(version, &[("ann", 1)]);
        for renewed in join_all(nodes.iter().map(|(_, node)| node.renew(&of_each))).await {
            renewed.unwrap();
        }

        for (own, node) in &nodes {
            let seen = sorted(node.renew(&of_each).await.unwrap());
            let others = nodes.iter().map(|(id, _)| *id).filter(|id| id != own);
            let mut want: Vec<_> = others.map(|id| (id, of_each.clone())).collect();
            want.sort_by_key(|(id, _)| *id);
            assert_eq!(seen, want);
        }
    }
}

/// Except the node that announced them.
pub async fn every_other_node_receives_moves_with_their_node(nodes: Nodes) {
    let [(a, one), (b, two), (_, three)] = &nodes[..] else { panic!("three nodes are needed") };
    let moves = vec![(username("ann"), true), (username("Bob"), false)];
    let moves_of_one = RosterMoves { version: 7, moves };

    one.announce(&moves_of_one).await;

    assert_eq!(next_moves(&**two).await, (*a, moves_of_one.clone()));
    assert_eq!(next_moves(&**three).await, (*a, moves_of_one));
    // It receives the next one of another node, and none of its own.
    two.announce(&joining(1, "eve")).await;
    assert_eq!(next_moves(&**one).await, (*b, joining(1, "eve")));
}

pub async fn moves_arrive_in_order(nodes: Nodes) {
    let ((a, one), (_, two)) = (&nodes[0], &nodes[1]);

    for version in 1..=200 {
        one.announce(&joining(version, "ann")).await;
    }

    for version in 1..=200 {
        assert_eq!(next_moves(&**two).await, (*a, joining(version, "ann")));
    }
}

/// In one hint, or in several with consecutive versions.
pub async fn any_number_of_moves_arrives_complete(nodes: Nodes) {
    let (one, two) = (&nodes[0].1, &nodes[1].1);
    let moves: Vec<_> = (0..3_000).map(|n| (username(&format!("user-{n}")), n % 3 > 0)).collect();

    one.announce(&RosterMoves { version: 10_000, moves: moves.clone() }).await;

    let (mut version, mut received) = (7_000, Vec::new());
    while received.len() < moves.len() {
        let (_, hint) = next_moves(&**two).await;
        version += hint.moves.len() as u64;
        assert_eq!(hint.version, version);
        received.extend(hint.moves);
    }
    assert_eq!(received, moves);
}

/// It reveals that a move was not announced.
pub async fn a_version_without_moves_arrives(nodes: Nodes) {
    let ((a, one), (_, two)) = (&nodes[0], &nodes[1]);
    let nothing = RosterMoves { version: 9, moves: Vec::new() };

    one.announce(&nothing).await;

    assert_eq!(next_moves(&**two).await, (*a, nothing));
}

/// Whether it is dropped before or after a hint arrives.
pub async fn a_dropped_wait_loses_nothing(nodes: Nodes) {
    let ((a, one), (_, two)) = (&nodes[0], &nodes[1]);

    for version in 1..=20 {
        let mut dropped = two.next();
        assert_eq!(poll_immediate(&mut dropped).await, None);
        one.announce(&joining(version, "ann")).await;
        drop(dropped);

        assert_eq!(next_moves(&**two).await, (*a, joining(version, "ann")));
    }
}

/// Too many hints are dropped, and later ones arrive.
pub async fn publishing_never_waits_for_slow_receivers(nodes: Nodes) {
    let (one, two) = (&nodes[0].1, &nodes[1].1);

    let announcing = async {
        for version in 1..=20_000 {
            one.announce(&joining(version, "ann")).await;
        }
    };
    timeout(TEST_TIMEOUT, announcing).await.expect("announce must not wait");

    let later = async {
        for version in 20_001.. {
            one.announce(&joining(version, "bob")).await;
            while let Ok((_, received)) = timeout(Duration::from_millis(50), two.next()).await {
                if received.version > 20_000 {
                    return;
                }
            }
        }
    };
    timeout(TEST_TIMEOUT, later).await.expect("no hint arrives any more");
}
