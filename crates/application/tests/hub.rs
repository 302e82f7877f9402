//! The hub delivers every change once and in order, even if hints are lost.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use application::ports::{Bus, BusEvent, ConversationStore as _, Delivery};
use application::{Batcher, Hub, HubTiming, SearchIndexer};
use domain::{
    Change, ConversationId, EphemeralEvent, EphemeralKind, Epoch, Outcome, Role, Seq, UserId,
};
use memory::{InMemoryChat, InProcessBus};
use testkit::{Fault, FaultyStore, Fixture, ManualClock, Operation, RecordingBroadcast, values};

const LOBBY: ConversationId = ConversationId::LOBBY;
/// Longer than any test runs.
const NEVER: Duration = Duration::from_hours(1);
const SOON: Duration = Duration::from_millis(1);

struct World {
    fixture: Fixture,
    store: Arc<FaultyStore>,
    bus: Arc<InProcessBus>,
    local_broadcast: Arc<RecordingBroadcast>,
    hub: Hub,
    alice: UserId,
}

fn fixture() -> Fixture {
    let clock = Arc::new(ManualClock::default());
    Fixture::over(Arc::new(InMemoryChat::new(Arc::clone(&clock) as _)), clock)
}

async fn world(reorder: Duration, sweep: Duration) -> World {
    let fixture = fixture();
    let store = Arc::new(FaultyStore::around(Arc::clone(&fixture.conversations)));
    let bus = Arc::new(InProcessBus::single());
    let local_broadcast = Arc::new(RecordingBroadcast::default());
    let (hub, task) = Hub::new(
        Arc::clone(&store) as _,
        Arc::clone(&fixture.accounts),
        Arc::clone(&bus) as Arc<dyn Bus>,
        Arc::clone(&local_broadcast) as _,
        HubTiming { reorder, sweep, ..HubTiming::default() },
    );
    tokio::spawn(task.run());
    let alice = fixture.user("alice").await;
    World { fixture, store, bus, local_broadcast, hub, alice }
}

impl World {
    /// Commits `count` messages without informing the hub.
    async fn commit(&self, count: u128) -> Vec<Change> {
        let mut changes = Vec::new();
        for n in 0..count {
            let intent = values::send(LOBBY, self.alice, n, "x");
            match self.fixture.commit(vec![intent]).await.remove(0).unwrap() {
                Outcome::Applied(change) => changes.push(change),
                Outcome::AlreadyStored(_) => unreachable!("client ids differ"),
            }
        }
        changes
    }

    async fn delivered_up_to(&self, seq: i64) -> Vec<i64> {
        let enough = |got: &[Delivery]| numbers(got).last() >= Some(&seq);
        numbers(&self.local_broadcast.wait_for(enough).await)
    }
}

fn numbers(deliveries: &[Delivery]) -> Vec<i64> {
    let mut numbers = Vec::new();
    for delivery in deliveries {
        if let Delivery::Changes { changes, to, .. } = delivery {
            numbers.extend(changes.iter().map(|change| change.seq().get()));
            assert_eq!(numbers.last(), Some(&to.get()), "`to` is the last change");
        }
    }
    numbers
}

#[tokio::test]
async fn out_of_order_changes_are_delivered_once_and_in_order() {
    let world = world(NEVER, NEVER).await;
    world.hub.subscribe(LOBBY).await.unwrap();
    let changes = world.commit(4).await;

    for i in [1, 0, 0, 3, 1, 2] {
        world.hub.offer(vec![changes[i].clone()]).await;
    }

    assert_eq!(world.delivered_up_to(4).await, [1, 2, 3, 4]);
}

#[tokio::test]
async fn changes_before_the_first_subscription_are_not_delivered() {
    let world = world(NEVER, NEVER).await;
    let before = world.commit(2).await;
    world.hub.subscribe(LOBBY).await.unwrap();

    world.hub.offer(before).await;
    let all = world.commit_more(2, 1).await;
    world.hub.offer(all).await;

    assert_eq!(world.delivered_up_to(3).await, [3]);
}

impl World {
    async fn commit_more(&self, from: u128, count: u128) -> Vec<Change> {
        let intents =
            (from..from + count).map(|n| values::send(LOBBY, self.alice, n, "x")).collect();
        let outcomes = self.fixture.commit(intents).await;
        let changes = outcomes.into_iter().filter_map(|outcome| match outcome.unwrap() {
            Outcome::Applied(change) => Some(change),
            Outcome::AlreadyStored(_) => None,
        });
        changes.collect()
    }
}

#[tokio::test]
async fn a_gap_is_read_from_the_store() {
    let world = world(SOON, NEVER).await;
    world.hub.subscribe(LOBBY).await.unwrap();
    let changes = world.commit(5).await;

    world.hub.offer(vec![changes[0].clone()]).await;
    world.hub.offer(vec![changes[4].clone()]).await;

    assert_eq!(world.delivered_up_to(5).await, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_gap_is_read_again_after_a_store_failure() {
    let world = world(SOON, NEVER).await;
    world.hub.subscribe(LOBBY).await.unwrap();
    let changes = world.commit(3).await;
    world.store.fail_next(Operation::ChangesSince, Fault::Unreachable);

    world.hub.offer(vec![changes[2].clone()]).await;

    assert_eq!(world.delivered_up_to(3).await, [1, 2, 3]);
    assert_eq!(world.store.calls(Operation::ChangesSince), 2);
}

#[tokio::test]
async fn a_gap_longer_than_a_page_resets_subscribers() {
    let world = world(SOON, NEVER).await;
    world.hub.subscribe(LOBBY).await.unwrap();
    let changes = world.commit_more(0, 501).await;

    world.hub.offer(vec![changes[500].clone()]).await;
    world.local_broadcast.wait_for(|got| got == [Delivery::Reset(LOBBY)]).await;
    let next = world.commit_more(501, 1).await;
    world.hub.offer(next).await;

    assert_eq!(world.delivered_up_to(502).await, [502]);
}

#[tokio::test]
async fn gaps_found_during_a_read_share_it() {
    let world = world(SOON, NEVER).await;
    world.hub.subscribe(LOBBY).await.unwrap();
    let changes = world.commit(6).await;
    let mut read = world.store.hold_next(Operation::ChangesSince);

    world.hub.offer(vec![changes[1].clone()]).await;
    read.reached().await;
    for i in [3, 5] {
        world.hub.offer(vec![changes[i].clone()]).await;
    }
    read.release();

    assert_eq!(world.delivered_up_to(6).await, [1, 2, 3, 4, 5, 6]);
    assert_eq!(world.store.calls(Operation::ChangesSince), 1);
}

/// A change that arrives before the head is known is delivered if it is newer than the head.
#[tokio::test]
async fn a_subscription_that_waits_for_the_store_delays_no_delivery() {
    let world = world(SOON, NEVER).await;
    let other = world.fixture.group(&[(world.alice, Role::Owner)]).await;
    world.hub.subscribe(LOBBY).await.unwrap();
    let mut read = world.store.hold_answer(Operation::Heads);

    let hub = world.hub.clone();
    let subscribed = tokio::spawn(async move { hub.subscribe(other).await });
    read.reached().await;
    world.hub.offer(world.commit(1).await).await;
    assert_eq!(world.delivered_up_to(1).await, [1]);
    let sent = values::send(other, world.alice, 7, "x");
    let change = Change::Message(world.fixture.message(sent).await);
    world.hub.offer(vec![change.clone()]).await;
    read.release();
    subscribed.await.unwrap().unwrap();

    let is_delivered = |got: &[Delivery]| {
        got.iter().any(|delivery| {
            let Delivery::Changes { conversation, changes, .. } = delivery else { return false };
            *conversation == other && changes.contains(&change)
        })
    };
    world.local_broadcast.wait_for(is_delivered).await;
}

#[tokio::test]
async fn a_sweep_finds_changes_without_hints() {
    let world = world(SOON, SOON).await;
    world.hub.subscribe(LOBBY).await.unwrap();

    world.commit(3).await;

    assert_eq!(world.delivered_up_to(3).await, [1, 2, 3]);
}

#[tokio::test]
async fn a_reconnected_bus_causes_an_immediate_sweep() {
    let world = world(SOON, NEVER).await;
    world.hub.subscribe(LOBBY).await.unwrap();
    world.commit(2).await;

    world.bus.say(BusEvent::Reconnected);

    assert_eq!(world.delivered_up_to(2).await, [1, 2]);
}

#[tokio::test]
async fn a_hint_without_the_change_is_read_from_the_store() {
    let world = world(SOON, NEVER).await;
    world.hub.subscribe(LOBBY).await.unwrap();
    world.commit(2).await;

    world.bus.say(BusEvent::HeadAdvanced(LOBBY, Seq::new(2)));

    assert_eq!(world.delivered_up_to(2).await, [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_disconnected_bus_delays_changes_at_most_a_second() {
    let world = world(SOON, NEVER).await;
    world.hub.subscribe(LOBBY).await.unwrap();
    world.bus.say(BusEvent::Disconnected);
    tokio::time::sleep(SOON).await;

    for count in 1..4 {
        let start = tokio::time::Instant::now();
        world.fixture.message(values::send(LOBBY, world.alice, count, "x")).await;
        world.local_broadcast.wait_for(|got| numbers(got).len() as u128 == count).await;
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    }

    let sweeps = world.store.calls(Operation::Heads);
    world.bus.say(BusEvent::Reconnected);
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(world.store.calls(Operation::Heads), sweeps + 1);
}

/// Otherwise a slow store would delay every second sweep by almost a whole interval.
#[tokio::test(start_paused = true)]
async fn the_next_sweep_follows_at_once_on_one_that_took_longer_than_the_interval() {
    let interval = Duration::from_secs(10);
    let world = world(SOON, interval).await;
    world.hub.subscribe(LOBBY).await.unwrap();
    let hold = world.store.hold_next(Operation::Heads);
    tokio::time::sleep(interval * 5 / 2).await;
    let sweeps = world.store.calls(Operation::Heads);

    drop(hold);
    tokio::time::sleep(SOON).await;

    assert_eq!(world.store.calls(Operation::Heads), sweeps + 1);
}

#[tokio::test]
async fn a_new_epoch_resets_every_subscriber() {
    let world = world(SOON, SOON).await;
    world.hub.subscribe(LOBBY).await.unwrap();
    world.commit(1).await;
    world.delivered_up_to(1).await;

    world.store.new_epoch(Epoch::new(7)).await.unwrap();

    world.local_broadcast.wait_for(|got| got.contains(&Delivery::Reset(LOBBY))).await;
}

#[tokio::test]
async fn a_head_that_went_back_resets_its_subscribers() {
    let world = world(SOON, SOON).await;
    world.hub.subscribe(LOBBY).await.unwrap();

    // From a store that was later restored to an earlier state.
    world.hub.offer(vec![change(1)]).await;

    let got = world.local_broadcast.wait_for(|got| got.contains(&Delivery::Reset(LOBBY))).await;
    assert_eq!(numbers(&got), [1]);
    world.commit(1).await;
    let got = world.local_broadcast.wait_for(|got| numbers(got).len() == 2).await;
    assert!(matches!(got.last(), Some(Delivery::Changes { to, .. }) if to.get() == 1));
}

#[tokio::test(start_paused = true)]
async fn a_hint_ahead_of_the_store_is_retried_periodically() {
    let world = world(SOON, NEVER).await;
    world.hub.subscribe(LOBBY).await.unwrap();

    world.hub.offer(vec![change(2)]).await;
    tokio::time::sleep(Duration::from_secs(10)).await;

    let reads = world.store.calls(Operation::ChangesSince);
    assert!((10..=41).contains(&reads), "{reads} reads");
    world.commit(2).await;
    assert_eq!(world.delivered_up_to(2).await, [1, 2]);
}

/// A change that no store of these tests contains.
fn change(seq: i64) -> Change {
    values::member_change(LOBBY, UserId::new(1), seq)
}

#[tokio::test(start_paused = true)]
async fn an_account_that_changed_is_rechecked_once() {
    let world = world(SOON, SOON).await;
    let bob = world.fixture.account("bob").await;
    world.hub.connected(bob.id, bob.auth_version);
    world.hub.connected(world.alice, bob.auth_version);

    world.fixture.accounts.set_active(bob.id, false).await.unwrap();

    let recheck = Delivery::Recheck(bob.id);
    world.local_broadcast.wait_for(|got| got.contains(&recheck)).await;
    tokio::time::sleep(SOON * 10).await;
    assert_eq!(world.local_broadcast.deliveries(), [recheck]);
}

#[tokio::test(start_paused = true)]
async fn local_changes_of_rights_are_rechecked_before_a_sweep() {
    let world = world(SOON, NEVER).await;
    let bob = world.fixture.account("bob").await;
    world.hub.connected(bob.id, bob.auth_version);

    world.hub.rights_changed(world.alice).await;
    world.hub.rights_changed(bob.id).await;

    let got = world.local_broadcast.wait_for(|got| !got.is_empty()).await;
    assert_eq!(got, [Delivery::Recheck(bob.id)], "accounts without connections are not rechecked");
}

#[tokio::test]
async fn only_the_last_disconnect_of_an_account_reports_it() {
    let world = world(SOON, NEVER).await;
    let version = domain::AuthVersion::FIRST;
    for user in [world.alice, world.alice, UserId::new(99)] {
        world.hub.connected(user, version);
    }

    let first = world.hub.disconnected(world.alice);
    let last = world.hub.disconnected(world.alice);
    let unknown = world.hub.disconnected(world.alice);

    assert_eq!((first, last, unknown), (false, true, false));
}

#[tokio::test(start_paused = true)]
async fn a_conversation_is_swept_until_its_last_unsubscribe() {
    let world = world(SOON, SOON).await;
    world.hub.subscribe(LOBBY).await.unwrap();
    world.hub.subscribe(LOBBY).await.unwrap();
    world.hub.unsubscribe(LOBBY);
    world.commit(1).await;
    world.delivered_up_to(1).await;

    world.hub.unsubscribe(LOBBY);
    tokio::time::sleep(SOON * 10).await;
    let before = world.store.calls(Operation::Heads);
    tokio::time::sleep(SOON * 10).await;

    assert_eq!(world.store.calls(Operation::Heads), before);
}

#[tokio::test]
async fn two_nodes_deliver_the_same_despite_lost_hints() {
    let fixture = fixture();
    let alice = fixture.user("alice").await;
    let mut nodes = Vec::new();
    for bus in InProcessBus::linked(2) {
        let (bus, local_broadcast) = (Arc::new(bus), Arc::new(RecordingBroadcast::default()));
        let (hub, task) = Hub::new(
            Arc::clone(&fixture.conversations),
            Arc::clone(&fixture.accounts),
            Arc::clone(&bus) as _,
            Arc::clone(&local_broadcast) as _,
            HubTiming { reorder: SOON, sweep: SOON * 20, ..HubTiming::default() },
        );
        let store = Arc::clone(&fixture.conversations);
        let (indexer, _) = SearchIndexer::new(Arc::clone(&fixture.search_index));
        let (batcher, writer) = Batcher::new(store, hub.clone(), Arc::clone(&bus) as _, indexer);
        tokio::spawn(task.run());
        tokio::spawn(writer.run());
        hub.subscribe(LOBBY).await.unwrap();
        nodes.push((batcher, bus, local_broadcast, hub));
    }

    for n in 0..60_u128 {
        nodes[0].1.lose_hints(n % 3 == 0);
        let (batcher, ..) = &nodes[usize::from(n % 2 == 1)];
        batcher.submit_one(values::send(LOBBY, alice, n, "x")).await.unwrap();
    }

    for (_, _, local_broadcast, _) in &nodes {
        let got = local_broadcast.wait_for(|got| numbers(got).last() >= Some(&60)).await;
        assert_eq!(numbers(&got), (1..=60).collect::<Vec<_>>());
    }
    assert_eq!(fixture.conversations.heads(&[LOBBY]).await.unwrap().heads[0].seq, Seq::new(60));
}

#[tokio::test]
async fn ephemeral_events_reach_local_subscribers_and_other_nodes() {
    let fixture = fixture();
    let [here, there] = <[_; 2]>::try_from(InProcessBus::linked(2)).unwrap();
    let local_broadcast = Arc::new(RecordingBroadcast::default());
    let (hub, task) = Hub::new(
        Arc::clone(&fixture.conversations),
        Arc::clone(&fixture.accounts),
        Arc::new(here),
        Arc::clone(&local_broadcast) as _,
        HubTiming { sweep: NEVER, ..HubTiming::default() },
    );
    tokio::spawn(task.run());
    let typing = |conversation, name| EphemeralEvent {
        conversation,
        user: UserId::new(1),
        username: values::username(name),
        kind: EphemeralKind::Typing,
    };
    let other = ConversationId::new(7);
    for conversation in [LOBBY, other] {
        there.subscribe(conversation, true).await;
    }
    hub.subscribe(LOBBY).await.unwrap();

    hub.publish_ephemeral(typing(other, "ann"));
    hub.publish_ephemeral(typing(LOBBY, "ann"));
    let published = [there.next().await, there.next().await];
    there.publish_ephemeral(&typing(LOBBY, "bob")).await;
    let delivered = local_broadcast.wait_for(|got| got.len() >= 2).await;

    let expected = [other, LOBBY].map(|id| BusEvent::Ephemeral(typing(id, "ann")));
    assert_eq!(published, expected);
    let want = ["ann", "bob"].map(|name| Delivery::Ephemeral(Arc::new(typing(LOBBY, name))));
    assert_eq!(delivered, want);
}
