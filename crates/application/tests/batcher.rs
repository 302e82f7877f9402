//! Group commit: what shares a transaction, what fails alone, what outlives its asker.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use application::ports::{Delivery, SnapshotLimit};
use application::{Batcher, CommitError, Hub, HubTiming};
use domain::{Action, ConversationId, Intent, Outcome, Refusal, UserId};
use futures_util::future::join_all;
use memory::{InMemoryChat, InProcessBus};
use testkit::{Fault, FaultyStore, Fixture, ManualClock, Operation, RecordingOutlet, values};

const LOBBY: ConversationId = ConversationId::LOBBY;

struct World {
    fixture: Fixture,
    store: Arc<FaultyStore>,
    outlet: Arc<RecordingOutlet>,
    batcher: Batcher,
    alice: UserId,
}

async fn world() -> World {
    let clock = Arc::new(ManualClock::default());
    let chat = Arc::new(InMemoryChat::new(Arc::clone(&clock) as _));
    let fixture = Fixture::over(chat, clock);
    let store = Arc::new(FaultyStore::around(Arc::clone(&fixture.conversations)));
    let bus = Arc::new(InProcessBus::single());
    let outlet = Arc::new(RecordingOutlet::default());
    let (hub, hub_task) = Hub::new(
        Arc::clone(&store) as _,
        Arc::clone(&fixture.accounts),
        Arc::clone(&bus) as _,
        Arc::clone(&outlet) as _,
        HubTiming::default(),
    );
    let (batcher, writer) = Batcher::new(Arc::clone(&store) as _, hub.clone(), bus);
    tokio::spawn(hub_task.run());
    tokio::spawn(writer.run());
    hub.listen(LOBBY).await.unwrap();
    let alice = fixture.user("alice").await;
    World { fixture, store, outlet, batcher, alice }
}

impl World {
    fn send(&self, n: u128, text: &str) -> Intent {
        values::send(LOBBY, self.alice, n, text)
    }

    async fn stored(&self) -> Vec<String> {
        let snapshot = self.fixture.conversations.newest(LOBBY, SnapshotLimit::ALL).await.unwrap();
        snapshot.messages.iter().map(|message| message.body.as_str().to_owned()).collect()
    }
}

#[tokio::test]
async fn what_waited_while_a_batch_was_written_shares_the_next() {
    let world = world().await;
    let mut first = world.store.hold_next(Operation::Commit);
    let lone = tokio::spawn({
        let (batcher, intent) = (world.batcher.clone(), world.send(0, "first"));
        async move { batcher.submit_one(intent).await }
    });
    first.reached().await;

    let mut waiting = join_all((1..=50).map(|n| world.batcher.submit_one(world.send(n, "x"))));
    // Polled once, all of them are in the queue.
    assert!(futures_util::poll!(&mut waiting).is_pending());
    first.release();

    assert!(waiting.await.iter().all(Result::is_ok));
    lone.await.unwrap().unwrap();
    assert_eq!(world.store.batches(), [1, 50]);
}

#[tokio::test]
async fn an_intent_that_the_store_cannot_take_fails_alone() {
    let world = world().await;
    world.store.poison(
        |intent| matches!(&intent.action, Action::Send { body, .. } if body.as_str() == "poison"),
    );

    let group = ["a", "poison", "b"].iter().zip(0..).map(|(text, n)| world.send(n, text)).collect();
    let answers = world.batcher.submit(group).await;

    assert!(answers[0].is_ok() && answers[2].is_ok());
    assert_eq!(answers[1], Err(CommitError::Failed));
    assert_eq!(world.stored().await, ["a", "b"]);
}

#[tokio::test]
async fn an_unreachable_store_is_not_asked_again_by_the_batcher() {
    let world = world().await;
    world.store.fail_next(Operation::Commit, Fault::Unreachable);

    let answers = world.batcher.submit(vec![world.send(1, "a"), world.send(2, "b")]).await;

    assert_eq!(answers, [Err(CommitError::Unavailable), Err(CommitError::Unavailable)]);
    assert_eq!(world.store.calls(Operation::Commit), 1);
}

#[tokio::test]
async fn a_lost_answer_is_made_good_by_the_same_client_id() {
    let world = world().await;
    world.store.fail_next(Operation::Commit, Fault::AnswerLost);

    let lost = world.batcher.submit_one(world.send(1, "once")).await;
    let again = world.batcher.submit_one(world.send(1, "once")).await;

    assert_eq!(lost, Err(CommitError::Unavailable));
    assert!(matches!(again, Ok(Outcome::Replayed(_))));
    assert_eq!(world.stored().await, ["once"]);
}

#[tokio::test]
async fn a_refusal_concerns_its_intent_alone() {
    let world = world().await;
    let unknown = values::delete(LOBBY, world.alice, domain::MessageId::new(99));

    let answers = world.batcher.submit(vec![unknown, world.send(1, "a")]).await;

    assert_eq!(answers[0], Err(CommitError::Refused(Refusal::NotFound)));
    assert!(answers[1].is_ok());
}

#[tokio::test]
async fn what_an_asker_who_left_had_asked_is_stored_and_delivered() {
    let world = world().await;
    let mut commit = world.store.hold_next(Operation::Commit);
    let asker = tokio::spawn({
        let (batcher, intent) = (world.batcher.clone(), world.send(1, "left"));
        async move { batcher.submit_one(intent).await }
    });
    commit.reached().await;

    asker.abort();
    assert!(asker.await.unwrap_err().is_cancelled());
    commit.release();

    world.outlet.wait_for(|got| matches!(got, [Delivery::Changes { .. }])).await;
    assert_eq!(world.stored().await, ["left"]);
}

#[tokio::test]
async fn each_sender_keeps_its_order() {
    let world = world().await;
    let mut senders = Vec::new();
    for name in ["bob", "carol", "dave"] {
        let (batcher, user) = (world.batcher.clone(), world.fixture.user(name).await);
        senders.push(tokio::spawn(async move {
            for n in 0..40 {
                let text = format!("{user} {n:02}");
                batcher.submit_one(values::send(LOBBY, user, n, &text)).await.unwrap();
            }
        }));
    }
    for sender in senders {
        sender.await.unwrap();
    }

    let stored = world.stored().await;
    assert_eq!(stored.len(), 120);
    let mut sorted = stored.clone();
    sorted.sort_by_key(|text| text.split(' ').next().unwrap().to_owned());
    for of_one in sorted.chunks(40) {
        assert!(of_one.is_sorted(), "{of_one:?}");
    }
}

#[tokio::test]
async fn a_replay_is_not_delivered_again() {
    let world = world().await;
    world.batcher.submit_one(world.send(1, "once")).await.unwrap();

    world.batcher.submit_one(world.send(1, "once")).await.unwrap();
    world.batcher.submit_one(world.send(2, "twice")).await.unwrap();

    let got = world.outlet.wait_for(|got| got.len() >= 2).await;
    assert_eq!(got.len(), 2);
}
