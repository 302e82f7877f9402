//! The contract of [`application::ports::Bus`].

use std::sync::Arc;
use std::time::Duration;

use application::ports::{Bus, BusEvent};
use domain::{Change, ConversationId, EphemeralEvent, EphemeralKind, MsgNo, UserId};
use futures_util::future::poll_immediate;
use tokio::time::timeout;

use crate::TEST_TIMEOUT;
use crate::values::{member_change, username};

/// Runs every case of the contract as its own test.
///
/// `$linked` is an `async fn() -> Vec<Arc<dyn Bus>>` that makes three nodes
/// on one healthy bus.
#[macro_export]
macro_rules! bus_contract {
    ($linked:ident) => {
        $crate::contract_cases! { bus, $linked,
            every_other_node_receives_committed_changes,
            a_node_receives_no_hints_of_its_own,
            changes_arrive_in_order,
            only_subscribed_conversations_are_received,
            a_dropped_wait_loses_nothing,
            publishing_never_waits_for_slow_receivers,
            ephemeral_events_reach_every_other_subscribed_node,
            ephemeral_events_never_displace_hints,
        }
    };
}

type Nodes = Vec<Arc<dyn Bus>>;

const GROUP: ConversationId = ConversationId::new(7);
const OTHER_GROUP: ConversationId = ConversationId::new(8);

fn change(conversation: ConversationId, seq: i64) -> Change {
    member_change(conversation, UserId::new(1), seq)
}

/// Subscribes, and waits until hints arrive, because a subscription may take
/// effect later. Uses negative `seq`s.
async fn subscribe(to: &dyn Bus, from: &dyn Bus, conversation: ConversationId) {
    to.subscribe(conversation, true).await;
    let subscribed = async {
        loop {
            from.publish(&[change(conversation, -1)]).await;
            let next = timeout(Duration::from_millis(50), to.next()).await;
            if matches!(next, Ok(BusEvent::Changed(_))) {
                break;
            }
        }
        // Receives everything that was published to find out.
        for seq in i64::MIN.. {
            let end = change(conversation, seq);
            from.publish(std::slice::from_ref(&end)).await;
            let last = BusEvent::Changed(vec![end]);
            let received = async { while to.next().await != last {} };
            if timeout(Duration::from_secs(1), received).await.is_ok() {
                break;
            }
        }
    };
    timeout(TEST_TIMEOUT, subscribed).await.expect("no hint arrived");
}

/// The next `count` changes.
async fn receive(node: &dyn Bus, count: usize) -> Vec<Change> {
    let mut received = Vec::new();
    let enough = async {
        while received.len() < count {
            if let BusEvent::Changed(changes) = node.next().await {
                received.extend(changes);
            }
        }
    };
    timeout(TEST_TIMEOUT, enough).await.expect("too few changes arrived");
    received
}

pub async fn every_other_node_receives_committed_changes(nodes: Nodes) {
    subscribe(&*nodes[1], &*nodes[0], GROUP).await;
    subscribe(&*nodes[2], &*nodes[0], GROUP).await;
    // The first node also received what the second waited for.
    while poll_immediate(nodes[1].next()).await.is_some() {}
    let published = [change(GROUP, 1), change(GROUP, 2)];

    nodes[0].publish(&published).await;

    for node in &nodes[1..] {
        let received: Vec<_> = receive_from(&**node, 1).await;
        assert_eq!(received, published);
    }
}

/// Skips what is left from waiting for the subscription.
async fn receive_from(node: &dyn Bus, first: i64) -> Vec<Change> {
    let mut received = Vec::new();
    while received.len() < 2 {
        received.extend(receive(node, 1).await.into_iter().filter(|c| c.seq().get() >= first));
    }
    received
}

pub async fn a_node_receives_no_hints_of_its_own(nodes: Nodes) {
    subscribe(&*nodes[0], &*nodes[1], GROUP).await;

    nodes[0].publish(&[change(GROUP, 1)]).await;
    nodes[1].publish(&[change(GROUP, 2)]).await;

    assert_eq!(receive(&*nodes[0], 1).await, [change(GROUP, 2)]);
}

pub async fn changes_arrive_in_order(nodes: Nodes) {
    subscribe(&*nodes[1], &*nodes[0], GROUP).await;
    let published: Vec<Change> = (1..=300).map(|seq| change(GROUP, seq)).collect();

    for publication in published.chunks(3) {
        nodes[0].publish(publication).await;
    }

    assert_eq!(receive(&*nodes[1], published.len()).await, published);
}

/// Neither other conversations nor those that were unsubscribed.
pub async fn only_subscribed_conversations_are_received(nodes: Nodes) {
    subscribe(&*nodes[1], &*nodes[0], GROUP).await;

    nodes[0].publish(&[change(OTHER_GROUP, 1), change(GROUP, 1), change(OTHER_GROUP, 2)]).await;
    let received = receive(&*nodes[1], 1).await;
    nodes[1].subscribe(GROUP, false).await;
    subscribe(&*nodes[1], &*nodes[0], OTHER_GROUP).await;
    nodes[0].publish(&[change(GROUP, 2), change(OTHER_GROUP, 3)]).await;

    assert_eq!(received, [change(GROUP, 1)]);
    assert_eq!(receive(&*nodes[1], 1).await, [change(OTHER_GROUP, 3)]);
}

/// Whether it is dropped before or after an event arrives.
pub async fn a_dropped_wait_loses_nothing(nodes: Nodes) {
    subscribe(&*nodes[1], &*nodes[0], GROUP).await;

    let mut received = Vec::new();
    for seq in 1..=20 {
        assert_eq!(poll_immediate(nodes[1].next()).await, None);
        let mut dropped = nodes[1].next();
        assert_eq!(poll_immediate(&mut dropped).await, None);
        nodes[0].publish(&[change(GROUP, seq)]).await;
        drop(dropped);
        received.extend(receive(&*nodes[1], 1).await);
    }

    assert!(received.iter().map(|change| change.seq().get()).eq(1..=20), "{received:?}");
}

/// Too many hints are dropped, and later ones arrive again.
pub async fn publishing_never_waits_for_slow_receivers(nodes: Nodes) {
    subscribe(&*nodes[1], &*nodes[0], GROUP).await;

    let publishing = async {
        for seq in 1..=20_000 {
            nodes[0].publish(&[change(GROUP, seq)]).await;
        }
    };
    timeout(TEST_TIMEOUT, publishing).await.expect("publish must not wait");

    subscribe(&*nodes[1], &*nodes[0], GROUP).await;
}

fn ephemeral(conversation: ConversationId, kind: EphemeralKind) -> EphemeralEvent {
    EphemeralEvent { conversation, user: UserId::new(1), username: username("ada"), kind }
}

async fn next_ephemeral(node: &dyn Bus) -> EphemeralEvent {
    let found = async {
        loop {
            if let BusEvent::Ephemeral(event) = node.next().await {
                return event;
            }
        }
    };
    timeout(TEST_TIMEOUT, found).await.expect("no ephemeral event arrived")
}

/// Events of every kind, except to the node that published them.
pub async fn ephemeral_events_reach_every_other_subscribed_node(nodes: Nodes) {
    for (to, from) in [(0, 1), (1, 0), (2, 0)] {
        subscribe(&*nodes[to], &*nodes[from], GROUP).await;
    }
    let [typing, receipt] = [EphemeralKind::Typing, EphemeralKind::Receipt(MsgNo::new(7))]
        .map(|kind| ephemeral(GROUP, kind));

    nodes[0].publish_ephemeral(&ephemeral(OTHER_GROUP, EphemeralKind::Typing)).await;
    nodes[0].publish_ephemeral(&typing).await;
    nodes[1].publish_ephemeral(&receipt).await;

    assert_eq!(next_ephemeral(&*nodes[0]).await, receipt);
    assert_eq!(next_ephemeral(&*nodes[1]).await, typing);
    let mut both = [next_ephemeral(&*nodes[2]).await, next_ephemeral(&*nodes[2]).await];
    both.sort_by_key(|event| event.kind != EphemeralKind::Typing);
    assert_eq!(both, [typing, receipt]);
}

pub async fn ephemeral_events_never_displace_hints(nodes: Nodes) {
    subscribe(&*nodes[1], &*nodes[0], GROUP).await;
    let typing = ephemeral(GROUP, EphemeralKind::Typing);

    for _ in 0..5_000 {
        nodes[0].publish_ephemeral(&typing).await;
    }
    nodes[0].publish(&[change(GROUP, 1)]).await;

    assert_eq!(receive(&*nodes[1], 1).await, [change(GROUP, 1)]);
}
