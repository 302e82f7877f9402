//! Nodes at one Redis.

use application::ports::{Bus as _, BusEvent, NodeId};
use messaging::{RedisBus, RedisLink, RedisRosters};
use testkit::PATIENCE;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A node's link, and the task that keeps it.
pub(crate) fn link(url: &str, node: u64) -> (RedisLink, JoinHandle<()>) {
    let (link, task) = RedisLink::new(url, NodeId(node)).unwrap();
    (link, tokio::spawn(task.run()))
}

/// A bus that is connected, as it says itself.
pub(crate) async fn bus(url: &str, node: u64) -> RedisBus {
    let (link, _task) = link(url, node);
    let bus = RedisBus::new(link);
    says(&bus, &BusEvent::Reconnected).await;
    bus
}

/// An exchange whose hints come.
pub(crate) async fn rosters(url: &str, node: u64) -> RedisRosters {
    let (link, _task) = link(url, node);
    says(&RedisBus::new(link.clone()), &BusEvent::Reconnected).await;
    RedisRosters::new(link)
}

/// Waits until the bus says this.
pub(crate) async fn says(bus: &RedisBus, what: &BusEvent) {
    let said = async { while bus.next().await != *what {} };
    timeout(PATIENCE, said).await.unwrap_or_else(|_| panic!("waited in vain for {what:?}"));
}
