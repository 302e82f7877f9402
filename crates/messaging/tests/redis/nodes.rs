//! Nodes that share a Redis.

use application::ports::{Bus as _, BusEvent, NodeId};
use messaging::{RedisBus, RedisLink, RedisRosters};
use testkit::TEST_TIMEOUT;
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub(crate) fn link(url: &str, node: u64) -> (RedisLink, JoinHandle<()>) {
    let (link, task) = RedisLink::new(url, NodeId(node)).unwrap();
    (link, tokio::spawn(task.run()))
}

/// A bus that has connected.
pub(crate) async fn bus(url: &str, node: u64) -> RedisBus {
    let (link, _task) = link(url, node);
    let bus = RedisBus::new(link);
    expect_event(&bus, &BusEvent::Reconnected).await;
    bus
}

/// A roster exchange whose link has connected.
pub(crate) async fn rosters(url: &str, node: u64) -> RedisRosters {
    let (link, _task) = link(url, node);
    expect_event(&RedisBus::new(link.clone()), &BusEvent::Reconnected).await;
    RedisRosters::new(link)
}

/// Waits for this event and drops others before it.
pub(crate) async fn expect_event(bus: &RedisBus, want: &BusEvent) {
    let arrival = async { while bus.next().await != *want {} };
    timeout(TEST_TIMEOUT, arrival).await.unwrap_or_else(|_| panic!("{want:?} did not arrive"));
}
