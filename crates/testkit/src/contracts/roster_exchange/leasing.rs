//! Leases.

use application::ports::{NodeId, Roster, Rosters};
use futures_util::future::join_all;

use super::{Nodes, roster};
use crate::values::username;

/// In any order.
fn sorted(rosters: Rosters) -> Vec<(NodeId, Roster)> {
    let mut others = rosters.others;
    others.sort_by_key(|(node, _)| *node);
    others
}

/// And not one's own.
pub async fn a_renewal_brings_the_rosters_of_all_others(nodes: Nodes) {
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

/// An empty one, too.
pub async fn a_renewal_takes_the_place_of_the_one_before(nodes: Nodes) {
    let ((a, one), (_, two)) = (&nodes[0], &nodes[1]);

    for of_one in [roster(1, &[("ann", 1)]), roster(4, &[("bob", 3)]), roster(9, &[])] {
        one.renew(&of_one).await.unwrap();
        let seen = two.renew(&Roster::default()).await.unwrap();

        assert_eq!(sorted(seen), [(*a, of_one)]);
    }
}

/// Withdrawing once more changes nothing.
pub async fn a_roster_that_was_withdrawn_is_gone_until_it_is_renewed(nodes: Nodes) {
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

/// Thousands, of any script, and counted as high as may be.
pub async fn rosters_of_many_and_strange_names_are_read_as_they_were_written(nodes: Nodes) {
    let ((a, one), (_, two)) = (&nodes[0], &nodes[1]);
    let mut of_one = roster(u64::MAX, &[("ЖанŽ漢字", u32::MAX), ("a.b-c_d@e+f", 1)]);
    of_one.online.extend((0..5_000).map(|n| (username(&format!("user{n}")), n + 1)));

    one.renew(&of_one).await.unwrap();
    let seen = two.renew(&Roster::default()).await.unwrap();

    assert_eq!(sorted(seen), [(*a, of_one)]);
}

/// Whoever asks, and however often.
pub async fn all_nodes_see_the_same_instance_for_as_long_as_it_lives(nodes: Nodes) {
    let mut seen = Vec::new();
    for (_, node) in nodes.iter().chain(&nodes) {
        seen.push(node.renew(&Roster::default()).await.unwrap().instance);
    }

    assert!(seen.iter().all(|instance| *instance == seen[0]), "{seen:?}");
}

/// Whatever the order in which they are served.
pub async fn nodes_that_renew_at_once_miss_nobody(nodes: Nodes) {
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
