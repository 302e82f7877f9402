//! The bus within a process keeps its contract, and is alone when it is.

use std::future::{Ready, ready};
use std::sync::Arc;

use application::ports::{Bus, BusEvent};
use domain::{Change, ConversationId, UserId};
use futures_util::future::poll_immediate;
use memory::InProcessBus;
use testkit::values;

fn linked() -> Ready<Vec<Arc<dyn Bus>>> {
    ready(InProcessBus::linked(3).into_iter().map(|node| Arc::new(node) as _).collect())
}

testkit::bus_contract!(linked);

fn change(seq: i64) -> Change {
    values::member_change(ConversationId::LOBBY, UserId::new(1), seq)
}

#[tokio::test]
async fn a_single_node_receives_no_events() {
    let bus = InProcessBus::single();
    bus.subscribe(ConversationId::LOBBY, true).await;

    bus.publish(&[change(1)]).await;

    assert_eq!(poll_immediate(bus.next()).await, None);
}

#[tokio::test]
async fn hints_are_lost_while_a_test_requests_it() {
    let [teller, listener] = <[_; 2]>::try_from(InProcessBus::linked(2)).unwrap();
    listener.subscribe(ConversationId::LOBBY, true).await;

    listener.lose_hints(true);
    teller.publish(&[change(1)]).await;
    listener.lose_hints(false);
    teller.publish(&[change(2)]).await;

    assert_eq!(listener.next().await, BusEvent::Changed(vec![change(2)]));
    assert_eq!(poll_immediate(listener.next()).await, None);
}

#[tokio::test]
async fn a_node_with_a_full_queue_must_sweep() {
    let [teller, listener] = <[_; 2]>::try_from(InProcessBus::linked(2)).unwrap();
    listener.subscribe(ConversationId::LOBBY, true).await;

    for _ in 0..=InProcessBus::CAPACITY {
        teller.publish(&[change(1)]).await;
    }

    assert_eq!(listener.next().await, BusEvent::Reconnected);
    assert_eq!(poll_immediate(listener.next()).await, None);
}
