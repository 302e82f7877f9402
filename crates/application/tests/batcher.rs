//! Group commit: shared transactions, failures, and dropped callers.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::error::Error as _;
use std::sync::Arc;

use application::ports::{Bus, BusEvent, Delivery, SnapshotLimit};
use application::{Batcher, CommitError, Hub, HubTiming, SearchIndexer};
use async_trait::async_trait;
use domain::{
    Action, Change, ConversationId, EphemeralEvent, Intent, Outcome, Refusal, Role, UserId,
};
use futures_util::future::join_all;
use memory::{InMemoryChat, InProcessBus};
use testkit::{Fault, FaultyStore, Fixture, ManualClock, Operation, RecordingBroadcast, values};
use tokio::sync::Semaphore;

const LOBBY: ConversationId = ConversationId::LOBBY;

struct World {
    fixture: Fixture,
    store: Arc<FaultyStore>,
    local_broadcast: Arc<RecordingBroadcast>,
    batcher: Batcher,
    bus: Arc<SlowBus>,
    other_node: InProcessBus,
    alice: UserId,
}

/// A bus whose publications can be delayed.
struct SlowBus {
    bus: InProcessBus,
    permits: Semaphore,
}

impl SlowBus {
    const FREE: usize = 1000;

    fn stop(&self) {
        assert_eq!(self.permits.forget_permits(Self::FREE), Self::FREE);
    }

    fn go_on(&self) {
        self.permits.add_permits(Self::FREE);
    }
}

#[async_trait]
impl Bus for SlowBus {
    async fn publish(&self, changes: &[Change]) {
        let _permit = self.permits.acquire().await.unwrap();
        self.bus.publish(changes).await;
    }

    async fn publish_ephemeral(&self, signal: &EphemeralEvent) {
        self.bus.publish_ephemeral(signal).await;
    }

    async fn subscribe(&self, conversation: ConversationId, wanted: bool) {
        self.bus.subscribe(conversation, wanted).await;
    }

    async fn next(&self) -> BusEvent {
        self.bus.next().await
    }

    fn is_connected(&self) -> bool {
        self.bus.is_connected()
    }
}

async fn world() -> World {
    let clock = Arc::new(ManualClock::default());
    let chat = Arc::new(InMemoryChat::new(Arc::clone(&clock) as _));
    let fixture = Fixture::over(chat, clock);
    let store = Arc::new(FaultyStore::around(Arc::clone(&fixture.conversations)));
    let mut nodes = InProcessBus::linked(2);
    let other_node = nodes.remove(1);
    other_node.subscribe(LOBBY, true).await;
    let permits = Semaphore::new(SlowBus::FREE);
    let bus = Arc::new(SlowBus { bus: nodes.remove(0), permits });
    let local_broadcast = Arc::new(RecordingBroadcast::default());
    let (hub, hub_task) = Hub::new(
        Arc::clone(&store) as _,
        Arc::clone(&fixture.accounts),
        Arc::clone(&bus) as _,
        Arc::clone(&local_broadcast) as _,
        HubTiming::default(),
    );
    let (indexer, _) = SearchIndexer::new(Arc::clone(&fixture.search_index));
    let (batcher, writer) =
        Batcher::new(Arc::clone(&store) as _, hub.clone(), Arc::clone(&bus) as _, indexer);
    tokio::spawn(hub_task.run());
    tokio::spawn(writer.run());
    hub.subscribe(LOBBY).await.unwrap();
    let alice = fixture.user("alice").await;
    World { fixture, store, local_broadcast, batcher, bus, other_node, alice }
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

fn are_unavailable(answers: &[Result<Outcome, CommitError>]) -> bool {
    answers.iter().all(|answer| matches!(answer, Err(CommitError::Unavailable(_))))
}

#[tokio::test]
async fn intents_that_wait_during_a_write_share_a_batch() {
    let world = world().await;
    let mut first = world.store.hold_next(Operation::Commit);
    let lone = tokio::spawn({
        let (batcher, intent) = (world.batcher.clone(), world.send(0, "first"));
        async move { batcher.submit_one(intent).await }
    });
    first.reached().await;

    let mut waiting = join_all((1..=50).map(|n| world.batcher.submit_one(world.send(n, "x"))));
    // After one poll all of them are in the queue.
    assert!(futures_util::poll!(&mut waiting).is_pending());
    first.release();

    assert!(waiting.await.iter().all(Result::is_ok));
    lone.await.unwrap().unwrap();
    assert_eq!(world.store.batches(), [1, 50]);
}

#[tokio::test]
async fn the_next_batch_is_written_while_one_is_published() {
    let world = world().await;
    world.bus.stop();
    let mut answers = Vec::new();
    for n in 1..=2 {
        let mut written = world.store.hold_answer(Operation::Commit);
        answers.push(Box::pin(world.batcher.submit_one(world.send(n, "x"))));
        assert!(futures_util::poll!(answers.last_mut().unwrap()).is_pending());
        written.reached().await;
        written.release();
    }
    let mut third = world.store.hold_next(Operation::Commit);
    let mut last = Box::pin(world.batcher.submit_one(world.send(3, "x")));
    assert!(futures_util::poll!(&mut last).is_pending());

    // Both are stored; neither is acknowledged before it is published.
    assert_eq!(world.store.batches(), [1, 1]);
    for answer in &mut answers {
        assert!(futures_util::poll!(answer).is_pending());
    }
    world.bus.go_on();
    assert!(join_all(answers).await.iter().all(Result::is_ok));
    third.reached().await;
    third.release();
    assert!(last.await.is_ok());
    let BusEvent::Changed(published) = world.other_node.next().await else { panic!("no changes") };
    assert_eq!(published.iter().map(|change| change.seq().get()).collect::<Vec<_>>(), [1]);
}

#[tokio::test]
async fn an_intent_that_the_store_refuses_fails_alone() {
    let world = world().await;
    world.store.poison(
        |intent| matches!(&intent.action, Action::Send { body, .. } if body.as_str() == "poison"),
    );

    let group = ["a", "poison", "b"].iter().zip(0..).map(|(text, n)| world.send(n, text)).collect();
    let answers = world.batcher.submit(group).await;

    assert!(answers[0].is_ok() && answers[2].is_ok());
    assert!(matches!(answers[1], Err(CommitError::Failed(_))), "{answers:?}");
    assert_eq!(world.stored().await, ["a", "b"]);
}

#[tokio::test]
async fn intents_written_one_by_one_are_published_at_once() {
    let world = world().await;
    world.store.poison(
        |intent| matches!(&intent.action, Action::Send { body, .. } if body.as_str() == "poison"),
    );
    let intents = vec![world.send(1, "good"), world.send(2, "poison")];
    let mut call = world.store.hold_next(Operation::Commit);
    let mut answers = Box::pin(world.batcher.submit(intents));
    assert!(futures_util::poll!(&mut answers).is_pending());
    // The batch of both fails first; then each is written alone, the valid one first.
    for _ in 0..2 {
        call.reached().await;
        let next = world.store.hold_next(Operation::Commit);
        call.release();
        call = next;
    }
    call.reached().await;

    assert_eq!(world.local_broadcast.wait_for(|got| !got.is_empty()).await.len(), 1);

    call.release();
    let answers = answers.await;
    assert!(matches!(answers.as_slice(), [Ok(_), Err(CommitError::Failed(_))]));
}

#[tokio::test]
async fn the_batcher_does_not_retry_an_unreachable_store() {
    let world = world().await;
    world.store.fail_next(Operation::Commit, Fault::Unreachable);

    let answers = world.batcher.submit(vec![world.send(1, "a"), world.send(2, "b")]).await;

    assert!(are_unavailable(&answers), "{answers:?}");
    assert_eq!(world.store.calls(Operation::Commit), 1);
}

#[tokio::test]
async fn all_callers_of_a_failed_batch_get_its_cause() {
    for (fault, want) in [
        (Fault::Unreachable, "the store cannot be reached"),
        (Fault::Failed, "the store refused the write"),
    ] {
        let world = world().await;
        world.store.outage(Some(fault));

        let answers = join_all((1..=3).map(|n| world.batcher.submit_one(world.send(n, "a")))).await;

        for answer in answers {
            let error = answer.unwrap_err();
            let backend = error.source().unwrap();
            let cause = backend.source().unwrap();
            let chain = [error.to_string(), backend.to_string(), cause.to_string()];
            assert_eq!(chain, [want, "inject a fault failed", &format!("{fault:?}")]);
        }
    }
}

#[tokio::test]
async fn the_same_client_id_recovers_a_lost_answer() {
    let world = world().await;
    world.store.fail_next(Operation::Commit, Fault::AnswerLost);

    let lost = world.batcher.submit_one(world.send(1, "once")).await;
    let again = world.batcher.submit_one(world.send(1, "once")).await;

    assert!(matches!(lost, Err(CommitError::Unavailable(_))), "{lost:?}");
    assert!(matches!(again, Ok(Outcome::AlreadyStored(_))));
    assert_eq!(world.stored().await, ["once"]);
}

#[tokio::test]
async fn a_refusal_affects_only_its_intent() {
    let world = world().await;
    let unknown = values::delete(LOBBY, world.alice, domain::MessageId::new(99));

    let answers = world.batcher.submit(vec![unknown, world.send(1, "a")]).await;

    assert!(matches!(answers[0], Err(CommitError::Refused(Refusal::NotFound))), "{answers:?}");
    assert!(answers[1].is_ok());
}

#[tokio::test]
async fn intents_of_dropped_callers_are_stored_and_delivered() {
    let world = world().await;
    let mut commit = world.store.hold_next(Operation::Commit);
    let caller = tokio::spawn({
        let (batcher, intent) = (world.batcher.clone(), world.send(1, "left"));
        async move { batcher.submit_one(intent).await }
    });
    commit.reached().await;

    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    commit.release();

    world.local_broadcast.wait_for(|got| matches!(got, [Delivery::Changes { .. }])).await;
    assert_eq!(world.stored().await, ["left"]);
}

#[tokio::test]
async fn each_sender_keeps_its_order() {
    let world = world().await;
    let mut first = world.store.hold_next(Operation::Commit);
    // The queue is filled beyond one batch while the first batch is written.
    let groups = (0..40_u128).map(|group| {
        let texts = (0..50_u128).map(move |n| group * 50 + n);
        world.batcher.submit(texts.map(|n| world.send(n, &format!("{n:04}"))).collect())
    });
    let mut groups = join_all(groups);
    assert!(futures_util::poll!(&mut groups).is_pending());
    first.reached().await;
    first.release();

    assert!(groups.await.iter().flatten().all(Result::is_ok));

    let stored = world.stored().await;
    assert_eq!(stored.len(), 2_000);
    assert!(stored.is_sorted(), "{stored:?}");
    assert!(world.store.batches().len() > 1, "{:?}", world.store.batches());
}

#[tokio::test]
async fn nothing_is_stored_ahead_of_a_failed_intent() {
    let world = world().await;
    world.store.fail_next(Operation::Commit, Fault::Failed);
    world.store.fail_next(Operation::Commit, Fault::Unreachable);
    let group = || vec![world.send(1, "first"), world.send(2, "second")];

    let failed = world.batcher.submit(group()).await;
    let again = world.batcher.submit(group()).await;

    assert!(are_unavailable(&failed), "{failed:?}");
    assert!(again.iter().all(Result::is_ok));
    assert_eq!(world.stored().await, ["first", "second"]);
}

#[tokio::test]
async fn a_replay_is_not_published() {
    let world = world().await;
    world.batcher.submit_one(world.send(1, "once")).await.unwrap();

    world.batcher.submit_one(world.send(1, "once")).await.unwrap();
    world.batcher.submit_one(world.send(2, "twice")).await.unwrap();

    let mut published = Vec::new();
    while published.len() < 2 {
        match world.other_node.next().await {
            BusEvent::Changed(changes) => published.extend(changes),
            other => unreachable!("nothing was lost: {other:?}"),
        }
    }
    assert_eq!(published.iter().map(|change| change.seq().get()).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(world.local_broadcast.wait_for(|got| got.len() >= 2).await.len(), 2);
}

#[tokio::test]
async fn a_locked_conversation_does_not_delay_others() {
    let world = world().await;
    let group = world.fixture.group(&[(world.alice, Role::Owner)]).await;
    world.store.lock(LOBBY, true);
    let mut wait = world.store.hold_next(Operation::Commit);

    // A group with intents of both conversations: the free one is written before the locked one.
    let both = vec![world.send(1, "locked"), values::send(group, world.alice, 2, "free")];
    let mut both = Box::pin(world.batcher.submit(both));
    assert!(futures_util::poll!(&mut both).is_pending());
    wait.reached().await;
    wait.release();
    let mut locked = world.store.hold_next(Operation::Commit);
    locked.reached().await;
    let other = world.batcher.submit_one(values::send(group, world.alice, 3, "free too")).await;

    assert!(other.is_ok());
    assert!(futures_util::poll!(&mut both).is_pending());
    locked.release();
    assert!(both.await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn intents_for_a_locked_conversation_keep_their_order() {
    let world = world().await;
    let group = world.fixture.group(&[(world.alice, Role::Owner)]).await;
    world.store.lock(LOBBY, true);
    let mut locked = world.store.hold_next(Operation::Commit);
    let first = world.batcher.submit_one(world.send(0, "0000"));
    let mut first = Box::pin(first);
    assert!(futures_util::poll!(&mut first).is_pending());
    locked.reached().await;
    // The lock is free, but nothing may overtake the queued intents.
    world.store.lock(LOBBY, false);
    let rest = (0..40_u128).map(|group| {
        let texts = (1..=50_u128).map(move |n| group * 50 + n);
        world.batcher.submit(texts.map(|n| world.send(n, &format!("{n:04}"))).collect())
    });
    let mut rest = join_all(rest);
    assert!(futures_util::poll!(&mut rest).is_pending());
    // Written last, so all others have been handled when it completes.
    let in_group = values::send(group, world.alice, 9_999, "elsewhere");
    assert!(world.batcher.submit_one(in_group).await.is_ok());
    locked.release();

    assert!(first.await.is_ok());
    assert!(rest.await.iter().flatten().all(Result::is_ok));
    let stored = world.stored().await;
    assert_eq!(stored.len(), 2_001);
    assert!(stored.is_sorted());
}

#[tokio::test]
async fn a_head_that_stays_locked_is_unavailable_until_released() {
    let world = world().await;
    world.store.lock(LOBBY, true);
    world.store.fail_next(Operation::Commit, Fault::Unreachable);

    let first = world.batcher.submit_one(world.send(1, "a")).await;
    world.store.lock(LOBBY, false);
    let again = world.batcher.submit_one(world.send(1, "a")).await;

    assert!(matches!(first, Err(CommitError::Unavailable(_))), "{first:?}");
    assert!(again.is_ok());
    assert_eq!(world.stored().await, ["a"]);
}
