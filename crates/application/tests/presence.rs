//! Which joins and leaves are broadcast, and how often.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{Delivery, PresenceMove, PresenceUpdate};
use application::{Presence, PresenceTiming};
use memory::InProcessRosters;
use testkit::{RecordingBroadcast, values};

fn world(timing: PresenceTiming) -> (Presence, Arc<RecordingBroadcast>) {
    let local_broadcast = Arc::new(RecordingBroadcast::default());
    let alone = Arc::new(InProcessRosters::single());
    let (presence, task) = Presence::new(Arc::clone(&local_broadcast) as _, alone, timing);
    tokio::spawn(task.run());
    (presence, local_broadcast)
}

/// A move is the name after `+` or `-`, doubled if the user came online or went offline by it.
fn update(moves: &[&str], online: &[&str]) -> PresenceUpdate {
    let parse = |text: &&str| PresenceMove {
        user: values::username(text.trim_start_matches(['+', '-'])),
        joined: text.starts_with('+'),
        is_edge: text.starts_with("++") || text.starts_with("--"),
    };
    PresenceUpdate {
        moves: moves.iter().map(parse).collect(),
        online: online.iter().map(|name| values::username(name)).collect(),
    }
}

async fn updates(local_broadcast: &RecordingBroadcast, count: usize) -> Vec<PresenceUpdate> {
    let got = local_broadcast.wait_for(|got| got.len() >= count).await;
    got.into_iter()
        .map(|delivery| match delivery {
            Delivery::Presence(update) => PresenceUpdate::clone(&update),
            other => panic!("not presence: {other:?}"),
        })
        .collect()
}

#[tokio::test]
async fn one_by_one_each_move_carries_the_current_list() {
    let (presence, local_broadcast) = world(PresenceTiming::OneByOne);
    let [alice, bob] = ["alice", "Bob"].map(values::username);

    presence.enter(&alice);
    presence.enter(&bob);
    presence.enter(&alice);
    presence.leave(&alice);
    presence.leave(&alice);

    let want = [
        update(&["++alice"], &["alice"]),
        update(&["++Bob"], &["Bob", "alice"]),
        update(&["+alice"], &["Bob", "alice"]),
        update(&["-alice"], &["Bob", "alice"]),
        update(&["--alice"], &["Bob"]),
    ];
    assert_eq!(updates(&local_broadcast, 5).await, want);
}

#[tokio::test(start_paused = true)]
async fn coalesced_moves_share_a_list_and_too_many_are_omitted() {
    let (presence, local_broadcast) = world(PresenceTiming::Coalesced);
    presence.enter(&values::username("first"));
    updates(&local_broadcast, 1).await;

    presence.enter(&values::username("second"));
    presence.leave(&values::username("second"));
    assert_eq!(
        updates(&local_broadcast, 2).await[1],
        update(&["++second", "--second"], &["first"])
    );

    for n in 0..9 {
        presence.enter(&values::username(&format!("u{n}")));
    }
    let last = updates(&local_broadcast, 3).await.pop().unwrap();
    assert!(last.moves.is_empty());
    assert_eq!(last.online.len(), 10);
}

#[tokio::test(start_paused = true)]
async fn coalesced_lists_stay_within_the_bandwidth() {
    let (presence, local_broadcast) = world(PresenceTiming::Coalesced);
    let long = "x".repeat(97);
    for n in 0..200 {
        presence.enter(&values::username(&format!("{n:03}{long}")));
    }
    let before = local_broadcast.deliveries().len();
    presence.enter(&values::username("a"));
    updates(&local_broadcast, before + 1).await;
    let start = tokio::time::Instant::now();

    presence.enter(&values::username("b"));
    presence.leave(&values::username("b"));
    updates(&local_broadcast, before + 2).await;

    // 200 lists of 200 names of 100 bytes, at 20 MB/s.
    assert!(start.elapsed() >= Duration::from_millis(200), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_user_is_online_until_the_last_connection_closes() {
    let (presence, _broadcast) = world(PresenceTiming::Coalesced);
    let alice = values::username("alice");

    presence.enter(&alice);
    presence.enter(&alice);
    presence.leave(&alice);
    assert_eq!((presence.connections(&alice), presence.online().len()), (1, 1));
    presence.leave(&alice);
    presence.leave(&alice);

    assert_eq!((presence.connections(&alice), presence.online().len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn closing_skips_the_pause() {
    let local_broadcast = Arc::new(RecordingBroadcast::default());
    let alone = Arc::new(InProcessRosters::single());
    let (presence, task) =
        Presence::new(Arc::clone(&local_broadcast) as _, alone, PresenceTiming::Coalesced);
    let task = tokio::spawn(task.run());
    presence.enter(&values::username("alice"));
    updates(&local_broadcast, 1).await;
    let start = tokio::time::Instant::now();

    presence.leave(&values::username("alice"));
    presence.close();
    task.await.expect("it ends");

    assert_eq!(local_broadcast.deliveries().len(), 2);
    assert_eq!(start.elapsed(), Duration::ZERO);
}
