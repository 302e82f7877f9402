//! MessageEvent, and hearing.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{Bus, BusEvent};
use domain::{Change, ConversationId, UserId};
use futures_util::future::poll_immediate;
use tokio::time::timeout;

use crate::PATIENCE;
use crate::values::member_change;

pub(super) type Nodes = Vec<Arc<dyn Bus>>;

pub(super) const HERE: ConversationId = ConversationId::new(7);
pub(super) const ELSEWHERE: ConversationId = ConversationId::new(8);

pub(super) fn change(conversation: ConversationId, seq: i64) -> Change {
    member_change(conversation, UserId::new(1), seq)
}

/// Asks for a conversation, and waits until hints of it come: an adapter may
/// be told of a subscription later than it asks. Uses numbers below 0.
pub(super) async fn listening(to: &dyn Bus, from: &dyn Bus, conversation: ConversationId) {
    to.subscribe(conversation, true).await;
    let heard = async {
        loop {
            from.publish(&[change(conversation, -1)]).await;
            let next = timeout(Duration::from_millis(50), to.next()).await;
            if matches!(next, Ok(BusEvent::Changed(_))) {
                break;
            }
        }
        // Nothing of all this is left once its last is heard.
        for seq in i64::MIN.. {
            let end = change(conversation, seq);
            from.publish(std::slice::from_ref(&end)).await;
            let last = BusEvent::Changed(vec![end]);
            let heard = async { while to.next().await != last {} };
            if timeout(Duration::from_secs(1), heard).await.is_ok() {
                break;
            }
        }
    };
    timeout(PATIENCE, heard).await.expect("nothing was heard");
}

/// The next `count` changes.
pub(super) async fn hear(node: &dyn Bus, count: usize) -> Vec<Change> {
    let mut heard = Vec::new();
    let listening = async {
        while heard.len() < count {
            if let BusEvent::Changed(changes) = node.next().await {
                heard.extend(changes);
            }
        }
    };
    timeout(PATIENCE, listening).await.expect("too little was heard");
    heard
}

/// All of them, each the same.
pub async fn every_other_node_hears_what_was_committed(nodes: Nodes) {
    listening(&*nodes[1], &*nodes[0], HERE).await;
    listening(&*nodes[2], &*nodes[0], HERE).await;
    // The second wait was heard by the first listener too.
    while poll_immediate(nodes[1].next()).await.is_some() {}
    let told = [change(HERE, 1), change(HERE, 2)];

    nodes[0].publish(&told).await;

    for node in &nodes[1..] {
        let heard: Vec<_> = hear_from(&**node, 1).await;
        assert_eq!(heard, told);
    }
}

/// Skips what is left of waiting for the subscription.
async fn hear_from(node: &dyn Bus, first: i64) -> Vec<Change> {
    let mut heard = Vec::new();
    while heard.len() < 2 {
        heard.extend(hear(node, 1).await.into_iter().filter(|c| c.seq().get() >= first));
    }
    heard
}

/// What it hears next is of another.
pub async fn a_node_does_not_hear_itself(nodes: Nodes) {
    listening(&*nodes[0], &*nodes[1], HERE).await;

    nodes[0].publish(&[change(HERE, 1)]).await;
    nodes[1].publish(&[change(HERE, 2)]).await;

    assert_eq!(hear(&*nodes[0], 1).await, [change(HERE, 2)]);
}

/// In one publication and over many.
pub async fn changes_are_heard_in_their_order(nodes: Nodes) {
    listening(&*nodes[1], &*nodes[0], HERE).await;
    let told: Vec<Change> = (1..=300).map(|seq| change(HERE, seq)).collect();

    for publication in told.chunks(3) {
        nodes[0].publish(publication).await;
    }

    assert_eq!(hear(&*nodes[1], told.len()).await, told);
}

/// Neither of other conversations, nor after it was asked for no longer.
pub async fn only_what_was_asked_for_is_heard(nodes: Nodes) {
    listening(&*nodes[1], &*nodes[0], HERE).await;

    nodes[0].publish(&[change(ELSEWHERE, 1), change(HERE, 1), change(ELSEWHERE, 2)]).await;
    let heard = hear(&*nodes[1], 1).await;
    nodes[1].subscribe(HERE, false).await;
    listening(&*nodes[1], &*nodes[0], ELSEWHERE).await;
    nodes[0].publish(&[change(HERE, 2), change(ELSEWHERE, 3)]).await;

    assert_eq!(heard, [change(HERE, 1)]);
    assert_eq!(hear(&*nodes[1], 1).await, [change(ELSEWHERE, 3)]);
}

/// A wait that is dropped, before or after something came, takes nothing with it.
pub async fn giving_up_waiting_loses_nothing(nodes: Nodes) {
    listening(&*nodes[1], &*nodes[0], HERE).await;

    let mut heard = Vec::new();
    for seq in 1..=20 {
        assert_eq!(poll_immediate(nodes[1].next()).await, None);
        let mut given_up = nodes[1].next();
        assert_eq!(poll_immediate(&mut given_up).await, None);
        nodes[0].publish(&[change(HERE, seq)]).await;
        drop(given_up);
        heard.extend(hear(&*nodes[1], 1).await);
    }

    assert!(heard.iter().map(|change| change.seq().get()).eq(1..=20), "{heard:?}");
}

/// What is too much is dropped, and the one that missed it hears again later.
pub async fn telling_never_waits_for_those_who_do_not_listen(nodes: Nodes) {
    listening(&*nodes[1], &*nodes[0], HERE).await;

    let event_since = async {
        for seq in 1..=20_000 {
            nodes[0].publish(&[change(HERE, seq)]).await;
        }
    };
    timeout(PATIENCE, event_since).await.expect("publish waited");

    listening(&*nodes[1], &*nodes[0], HERE).await;
}
