//! Hints of comings and goings.

use std::time::Duration;

use application::ports::RosterMoves;
use futures_util::future::poll_immediate;
use tokio::time::timeout;

use super::{Nodes, coming, hear};
use crate::PATIENCE;
use crate::values::username;

/// And not the one that told.
pub async fn every_other_node_hears_of_moves_and_whose_they_are(nodes: Nodes) {
    let [(a, one), (b, two), (_, three)] = &nodes[..] else { panic!("three nodes are needed") };
    let moves = vec![(username("ann"), true), (username("Bob"), false)];
    let told = RosterMoves { version: 7, moves };

    one.announce(&told).await;

    assert_eq!(hear(&**two).await, (*a, told.clone()));
    assert_eq!(hear(&**three).await, (*a, told));
    // What it hears next is of another.
    two.announce(&coming(1, "eve")).await;
    assert_eq!(hear(&**one).await, (*b, coming(1, "eve")));
}

/// Over many hints.
pub async fn moves_are_heard_in_their_order(nodes: Nodes) {
    let ((a, one), (_, two)) = (&nodes[0], &nodes[1]);

    for version in 1..=200 {
        one.announce(&coming(version, "ann")).await;
    }

    for version in 1..=200 {
        assert_eq!(hear(&**two).await, (*a, coming(version, "ann")));
    }
}

/// In one hint, or in several whose versions follow each other.
pub async fn as_many_moves_as_one_likes_are_heard_whole(nodes: Nodes) {
    let (one, two) = (&nodes[0].1, &nodes[1].1);
    let told: Vec<_> =
        (0..3_000).map(|n| (username(&format!("somebody-{n}")), n % 3 > 0)).collect();

    one.announce(&RosterMoves { version: 10_000, moves: told.clone() }).await;

    let (mut version, mut heard) = (7_000, Vec::new());
    while heard.len() < told.len() {
        let (_, hint) = hear(&**two).await;
        version += hint.moves.len() as u64;
        assert_eq!(hint.version, version);
        heard.extend(hint.moves);
    }
    assert_eq!(heard, told);
}

/// It says that something was not announced.
pub async fn a_version_alone_is_heard(nodes: Nodes) {
    let ((a, one), (_, two)) = (&nodes[0], &nodes[1]);
    let nothing = RosterMoves { version: 9, moves: Vec::new() };

    one.announce(&nothing).await;

    assert_eq!(hear(&**two).await, (*a, nothing));
}

/// A wait that is dropped, before or after something came, takes nothing with it.
pub async fn giving_up_waiting_loses_nothing(nodes: Nodes) {
    let ((a, one), (_, two)) = (&nodes[0], &nodes[1]);

    for version in 1..=20 {
        let mut given_up = two.next();
        assert_eq!(poll_immediate(&mut given_up).await, None);
        one.announce(&coming(version, "ann")).await;
        drop(given_up);

        assert_eq!(hear(&**two).await, (*a, coming(version, "ann")));
    }
}

/// What is too much is dropped, and later hints are heard.
pub async fn telling_never_waits_for_those_who_do_not_listen(nodes: Nodes) {
    let (one, two) = (&nodes[0].1, &nodes[1].1);

    let event_since = async {
        for version in 1..=20_000 {
            one.announce(&coming(version, "ann")).await;
        }
    };
    timeout(PATIENCE, event_since).await.expect("announce waited");

    let later = async {
        for version in 20_001.. {
            one.announce(&coming(version, "bob")).await;
            while let Ok((_, heard)) = timeout(Duration::from_millis(50), two.next()).await {
                if heard.version > 20_000 {
                    return;
                }
            }
        }
    };
    timeout(PATIENCE, later).await.expect("nothing is heard any longer");
}
