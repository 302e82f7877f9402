//! Shared reads: one for all callers that asked before it began, none while nothing changed.

use std::error::Error as _;
use std::sync::Arc;

use application::Snapshots;
use application::ports::{ConversationStore as _, SnapshotLimit};
use domain::{ConversationId, Epoch, UserId};
use futures_util::future::join_all;
use memory::InMemoryChat;
use testkit::{Fault, FaultyStore, Fixture, ManualClock, Operation, values};

const LOBBY: ConversationId = ConversationId::LOBBY;
const LIMIT: SnapshotLimit = SnapshotLimit { rows: 500, bytes: 1 << 20 };

struct World {
    fixture: Fixture,
    store: Arc<FaultyStore>,
    snapshots: Snapshots<Vec<String>>,
    alice: UserId,
}

async fn world() -> World {
    let clock = Arc::new(ManualClock::default());
    let chat = Arc::new(InMemoryChat::new(Arc::clone(&clock) as _));
    let fixture = Fixture::over(chat, clock);
    let store = Arc::new(FaultyStore::around(Arc::clone(&fixture.conversations)));
    let (snapshots, task) = Snapshots::new(Arc::clone(&store) as _, |snapshot| {
        snapshot.messages.iter().map(|message| message.body.as_str().to_owned()).collect()
    });
    tokio::spawn(task.run());
    let alice = fixture.user("alice").await;
    World { fixture, store, snapshots, alice }
}

impl World {
    async fn say(&self, n: u128, text: &str) {
        let answers = self.fixture.commit(vec![values::send(LOBBY, self.alice, n, text)]).await;
        assert!(answers.iter().all(Result::is_ok));
    }
}

#[tokio::test]
async fn concurrent_requests_share_one_read() {
    let world = world().await;
    world.say(1, "a").await;

    let got = join_all((0..500).map(|_| world.snapshots.read(LOBBY, LIMIT))).await;

    assert!(got.iter().all(|texts| **texts.as_ref().unwrap() == ["a"]));
    assert!(
        world.store.calls(Operation::Newest) <= 2,
        "a second read serves requests that came during the first"
    );
}

#[tokio::test]
async fn an_unchanged_history_is_not_read_again() {
    let world = world().await;
    world.say(1, "a").await;

    let first = world.snapshots.read(LOBBY, LIMIT).await.unwrap();
    let second = world.snapshots.read(LOBBY, LIMIT).await.unwrap();

    assert!(Arc::ptr_eq(&first, &second));
    assert_eq!(world.store.calls(Operation::Newest), 1);
}

#[tokio::test]
async fn a_request_during_a_read_gets_a_later_read() {
    let world = world().await;
    world.say(1, "before").await;
    let mut read = world.store.hold_answer(Operation::Newest);
    let early = tokio::spawn({
        let snapshots = world.snapshots.clone();
        async move { snapshots.read(LOBBY, LIMIT).await }
    });
    read.reached().await;

    world.say(2, "after").await;
    let mut late = Box::pin(world.snapshots.read(LOBBY, LIMIT));
    assert!(futures_util::poll!(&mut late).is_pending());
    read.release();

    assert_eq!(*early.await.unwrap().unwrap(), ["before"]);
    assert_eq!(*late.await.unwrap(), ["before", "after"]);
}

#[tokio::test]
async fn a_new_epoch_is_read_again_despite_the_same_head() {
    let world = world().await;
    let first = world.snapshots.read(LOBBY, LIMIT).await.unwrap();

    world.store.new_epoch(Epoch::new(7)).await.unwrap();
    let second = world.snapshots.read(LOBBY, LIMIT).await.unwrap();

    assert!(!Arc::ptr_eq(&first, &second));
}

#[tokio::test]
async fn different_limits_are_different_reads() {
    let world = world().await;
    for (n, text) in (1..).zip(["a", "b", "c"]) {
        world.say(n, text).await;
    }

    let two = world.snapshots.read(LOBBY, SnapshotLimit { rows: 2, ..LIMIT }).await.unwrap();
    let all = world.snapshots.read(LOBBY, LIMIT).await.unwrap();

    assert_eq!(*two, ["b", "c"]);
    assert_eq!(*all, ["a", "b", "c"]);
}

#[tokio::test]
async fn a_failed_read_fails_only_the_requests_that_share_it() {
    let world = world().await;
    world.store.fail_next(Operation::Newest, Fault::Unreachable);

    let failed = world.snapshots.read(LOBBY, LIMIT).await;
    let then = world.snapshots.read(LOBBY, LIMIT).await;

    let error = failed.unwrap_err();
    assert_eq!(error.to_string(), "inject a fault failed");
    assert_eq!(error.source().unwrap().to_string(), "Unreachable");
    assert!(then.is_ok());
}

/// JSON writes six bytes for each of these characters, so that two of three texts exceed the limit.
#[tokio::test]
async fn a_history_is_bounded_by_its_size_in_json() {
    let world = world().await;
    let text = "\u{1}".repeat(100);
    for n in 1..=3 {
        world.say(n, &text).await;
    }
    let lengths = async |bytes| {
        let limit = SnapshotLimit { rows: 500, bytes };
        world.snapshots.read(LOBBY, limit).await.unwrap().len()
    };

    let got = [lengths(1800).await, lengths(1799).await, lengths(600).await, lengths(400).await];

    assert_eq!(got, [3, 2, 1, 1]);
}
