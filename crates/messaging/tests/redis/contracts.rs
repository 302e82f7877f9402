//! The contracts of the ports. Each case has a Redis of its own, as all that
//! speak to one hear each other.

use std::sync::Arc;

use application::ports::{
    BackendError, Bus, BusEvent, NodeId, Roster, RosterExchange, RosterMoves, Rosters,
};
use async_trait::async_trait;
use domain::{Change, ConversationId, EphemeralEvent};
use messaging::{RedisBus, RedisRosters};
use testkit::RedisServer;
use testkit::contracts::roster_exchange::Nodes;

use crate::place;

/// An adapter that keeps its Redis for as long as it is there.
struct Kept<T> {
    adapter: T,
    _redis: Arc<RedisServer>,
}

#[async_trait]
impl Bus for Kept<RedisBus> {
    async fn publish(&self, changes: &[Change]) {
        self.adapter.publish(changes).await;
    }

    async fn publish_ephemeral(&self, signal: &EphemeralEvent) {
        self.adapter.publish_ephemeral(signal).await;
    }

    async fn subscribe(&self, conversation: ConversationId, wanted: bool) {
        self.adapter.subscribe(conversation, wanted).await;
    }

    async fn next(&self) -> BusEvent {
        self.adapter.next().await
    }

    fn is_connected(&self) -> bool {
        self.adapter.is_connected()
    }
}

#[async_trait]
impl RosterExchange for Kept<RedisRosters> {
    fn has_others(&self) -> bool {
        self.adapter.has_others()
    }

    async fn announce(&self, moves: &RosterMoves) {
        self.adapter.announce(moves).await;
    }

    async fn renew(&self, roster: &Roster) -> Result<Rosters, BackendError> {
        self.adapter.renew(roster).await
    }

    async fn next(&self) -> (NodeId, RosterMoves) {
        self.adapter.next().await
    }

    async fn withdraw(&self) {
        self.adapter.withdraw().await;
    }
}

async fn buses() -> Vec<Arc<dyn Bus>> {
    let redis = Arc::new(RedisServer::start().await);
    let mut nodes: Vec<Arc<dyn Bus>> = Vec::new();
    for node in 0..3 {
        let adapter = place::bus(&redis.url(), node).await;
        nodes.push(Arc::new(Kept { adapter, _redis: Arc::clone(&redis) }));
    }
    nodes
}

async fn exchanges() -> Nodes {
    let redis = Arc::new(RedisServer::start().await);
    let mut nodes: Nodes = Vec::new();
    for node in 0..3 {
        let adapter = place::rosters(&redis.url(), node).await;
        let kept = Arc::new(Kept { adapter, _redis: Arc::clone(&redis) });
        nodes.push((NodeId(node), kept));
    }
    nodes
}

testkit::bus_contract!(buses);
testkit::roster_exchange_contract!(exchanges);
