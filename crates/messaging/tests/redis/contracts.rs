//! The contracts of the ports. Each case has a Redis of its own, because nodes
//! of one Redis receive each other's hints.

use std::sync::Arc;

use application::ports::{
    BackendError, Bus, BusEvent, NodeId, Roster, RosterExchange, RosterMoves, Rosters,
};
use async_trait::async_trait;
use domain::{Change, ConversationId, EphemeralEvent};
use messaging::{RedisBus, RedisRosters};
use testkit::RedisServer;
use testkit::contracts::roster_exchange::Nodes;

use crate::nodes;

/// An adapter together with the Redis that it uses.
struct WithRedis<T> {
    adapter: T,
    _redis: Arc<RedisServer>,
}

#[async_trait]
impl Bus for WithRedis<RedisBus> {
    async fn publish(&self, changes: &[Change]) {
        self.adapter.publish(changes).await;
    }

    async fn publish_ephemeral(&self, event: &EphemeralEvent) {
        self.adapter.publish_ephemeral(event).await;
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
impl RosterExchange for WithRedis<RedisRosters> {
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
    let mut buses: Vec<Arc<dyn Bus>> = Vec::new();
    for node in 0..3 {
        let adapter = nodes::bus(&redis.url(), node).await;
        buses.push(Arc::new(WithRedis { adapter, _redis: Arc::clone(&redis) }));
    }
    buses
}

async fn exchanges() -> Nodes {
    let redis = Arc::new(RedisServer::start().await);
    let mut exchanges: Nodes = Vec::new();
    for node in 0..3 {
        let adapter = nodes::rosters(&redis.url(), node).await;
        let exchange = Arc::new(WithRedis { adapter, _redis: Arc::clone(&redis) });
        exchanges.push((NodeId(node), exchange));
    }
    exchanges
}

testkit::bus_contract!(buses);
testkit::roster_exchange_contract!(exchanges);
