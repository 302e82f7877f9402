//! What nodes hold at the same time.

use std::time::Duration;

use application::ports::{HeldCount, LimitKey, LimitScope};
use futures_util::future::join_all;
use tokio::time::{interval, timeout};

use super::Counted;
use crate::PATIENCE;

const SOCKETS: LimitKey = LimitKey { scope: LimitScope::SocketsByAccount, subject: 1 };
/// Between two looks at what nobody tells of.
const GLANCE: Duration = Duration::from_millis(10);

fn held(count: u64, turn: u64) -> HeldCount {
    HeldCount { count, turn }
}

impl Counted {
    /// What the other node is told, if there is one; else what is told if not.
    async fn seen_elsewhere(&self, key: LimitKey, turn: u64, alone: u64) -> u64 {
        match &self.other {
            Some(other) => other.hold(key, held(0, turn)).await,
            None => alone,
        }
    }
}

/// However much it holds.
pub async fn a_node_is_told_what_others_hold_and_not_its_own(counted: Counted) {
    for (turn, count) in [(1, 3), (2, 5), (3, 0), (4, u64::from(u32::MAX))] {
        assert_eq!(counted.limiter.hold(SOCKETS, held(count, turn)).await, 0);
        assert_eq!(counted.seen_elsewhere(SOCKETS, turn, count).await, count);
    }
}

/// Whether it says more or less.
pub async fn what_comes_late_is_old(counted: Counted) {
    counted.limiter.hold(SOCKETS, held(2, 7)).await;
    for (count, turn) in [(9, 6), (0, 1)] {
        counted.limiter.hold(SOCKETS, held(count, turn)).await;
    }

    assert_eq!(counted.seen_elsewhere(SOCKETS, 1, 2).await, 2);
}

/// By scope and by subject.
pub async fn keys_are_held_apart(counted: Counted) {
    counted.limiter.hold(SOCKETS, held(4, 1)).await;

    let other = LimitKey { subject: 2, ..SOCKETS };
    assert_eq!(counted.seen_elsewhere(other, 1, 0).await, 0);
    let other = LimitKey { scope: LimitScope::SocketsByAddress, ..SOCKETS };
    assert_eq!(counted.seen_elsewhere(other, 2, 0).await, 0);
}

/// It waits for nothing, so that it takes a moment.
pub async fn what_is_released_is_soon_held_no_longer(counted: Counted) {
    counted.limiter.hold(SOCKETS, held(4, 1)).await;

    counted.limiter.release(SOCKETS, held(0, 2));

    let gone = async {
        let mut glances = interval(GLANCE);
        for turn in 1.. {
            glances.tick().await;
            if counted.seen_elsewhere(SOCKETS, turn, 0).await == 0 {
                break;
            }
        }
    };
    timeout(PATIENCE, gone).await.expect("what was released is still held");
}

/// In whatever order they arrive.
pub async fn of_parallel_holds_the_last_one_said_counts(counted: Counted) {
    let said = (1..=20).map(|turn| counted.limiter.hold(SOCKETS, held(turn, turn)));

    let told = join_all(said).await;

    assert!(told.iter().all(|others| *others == 0), "{told:?}");
    assert_eq!(counted.seen_elsewhere(SOCKETS, 1, 20).await, 20);
}
