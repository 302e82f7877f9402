//! Connections hold hub and presence resources, and release them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use application::ports::{AccountStore, Clock as _, Delivery, InboxVersion};
use application::{Connections, Hub, HubTiming, LastSeen, Presence, PresenceTiming};
use domain::{Account, ConversationId};
use memory::{InMemoryChat, InProcessBus, InProcessRosters};
use testkit::{Fixture, ManualClock, RecordingBroadcast};
use tokio::task::JoinHandle;

const LOBBY: ConversationId = ConversationId::LOBBY;

struct World {
    connections: Connections,
    hub: Hub,
    presence: Presence,
    local_broadcast: Arc<RecordingBroadcast>,
    last_seen: LastSeen,
    last_seen_task: JoinHandle<()>,
    accounts: Arc<dyn AccountStore>,
    clock: Arc<ManualClock>,
    alice: Account,
}

async fn world() -> World {
    let clock = Arc::new(ManualClock::default());
    let chat = Arc::new(InMemoryChat::new(Arc::clone(&clock) as _));
    let fixture = Fixture::over(chat, Arc::clone(&clock));
    let local_broadcast = Arc::new(RecordingBroadcast::default());
    let (hub, task) = Hub::new(
        Arc::clone(&fixture.conversations),
        Arc::clone(&fixture.accounts),
        Arc::new(InProcessBus::single()),
        Arc::clone(&local_broadcast) as _,
        HubTiming { sweep: Duration::from_hours(1), ..HubTiming::default() },
    );
    tokio::spawn(task.run());
    let rosters = Arc::new(InProcessRosters::single());
    let (presence, task) =
        Presence::new(Arc::clone(&local_broadcast) as _, rosters, PresenceTiming::OneByOne);
    tokio::spawn(task.run());
    let accounts = Arc::clone(&fixture.accounts);
    let (last_seen, task) = LastSeen::new(Arc::clone(&accounts), Arc::clone(&clock) as _);
    let last_seen_task = tokio::spawn(task.run());
    let alice = fixture.user("alice").await;
    let alice = fixture.accounts.by_id(alice).await.unwrap().unwrap();
    let connections = Connections::new(hub.clone(), presence.clone(), last_seen.clone());
    World {
        connections,
        hub,
        presence,
        local_broadcast,
        last_seen,
        last_seen_task,
        accounts,
        clock,
        alice,
    }
}

#[tokio::test]
async fn a_dropped_connection_releases_all_its_resources() {
    let world = world().await;
    let user = world.alice.id;
    let guard = world.connections.open(&world.alice);
    guard.watch_inbox();
    guard.saw_inbox(InboxVersion(0));
    guard.subscribe_all(vec![LOBBY, ConversationId::new(7)]).await.unwrap();
    guard.subscribe_all(vec![LOBBY]).await.unwrap();
    guard.unsubscribe(ConversationId::new(7));
    guard.appear(&world.alice.username);
    guard.appear(&world.alice.username);
    assert_eq!(world.presence.connections(&world.alice.username), 1);
    world.hub.inbox_changed(user).await;
    world.hub.rights_changed(user).await;
    let watched = [Delivery::Inbox(user), Delivery::Recheck(user)];
    world.local_broadcast.wait_for(|got| watched.iter().all(|want| got.contains(want))).await;

    drop(guard);

    assert!(world.presence.online().is_empty());
    assert!(!world.hub.disconnected(user), "it is no longer registered");
    let before = world.local_broadcast.wait_for(|_| true).await.len();
    world.hub.inbox_changed(user).await;
    world.hub.rights_changed(user).await;
    world.hub.subscribe(LOBBY).await.unwrap();
    let after = world.local_broadcast.wait_for(|_| true).await;
    let is_watched = |delivery: &&Delivery| watched.contains(delivery);
    assert_eq!(after.iter().skip(before).filter(is_watched).count(), 0);
}

#[tokio::test]
async fn the_last_dropped_connection_sets_the_last_seen_time() {
    for dropped in [1, 2] {
        let world = world().await;
        let mut guards =
            vec![world.connections.open(&world.alice), world.connections.open(&world.alice)];
        guards.truncate(2 - dropped);

        world.last_seen.close();
        world.last_seen_task.await.unwrap();

        let alice = world.accounts.by_id(world.alice.id).await.unwrap().unwrap();
        let want = guards.is_empty().then(|| world.clock.now());
        assert_eq!(alice.last_seen_at, want, "{dropped} of 2 connections dropped");
    }
}

/// Resident memory of this process, in bytes.
#[cfg(target_os = "linux")]
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    4096 * statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_hundred_thousand_subscribes_leak_no_memory() {
    let world = world().await;
    let ids: Vec<_> = (1..=24).map(ConversationId::new).collect();
    let subscribe = async || {
        world.hub.subscribe_all(ids.clone()).await.unwrap();
        for id in &ids {
            world.hub.unsubscribe(*id);
        }
    };
    for _ in 0..1_000 {
        subscribe().await;
    }

    let before = resident();
    for _ in 0..100_000 {
        subscribe().await;
    }

    // If each call leaked its list of ids (192 bytes), memory would grow by 19 MB.
    let grown = resident().saturating_sub(before);
    assert!(grown < 8 * 1024 * 1024, "{grown} bytes more");
}
