//! The contracts of the ports. Each case has a Redis of its own, as channels are shared by all.

use std::sync::Arc;

use application::ports::{Bus, BusEvent};
use async_trait::async_trait;
use domain::{Change, ConversationId};
use messaging::RedisBus;
use testkit::RedisServer;

use crate::place;

/// A bus that keeps its Redis for as long as it is there.
struct Kept {
    bus: RedisBus,
    _redis: Arc<RedisServer>,
}

#[async_trait]
impl Bus for Kept {
    async fn publish(&self, changes: &[Change]) {
        self.bus.publish(changes).await;
    }

    async fn listen(&self, conversation: ConversationId, wanted: bool) {
        self.bus.listen(conversation, wanted).await;
    }

    async fn next(&self) -> BusEvent {
        self.bus.next().await
    }

    fn is_connected(&self) -> bool {
        self.bus.is_connected()
    }
}

async fn linked() -> Vec<Arc<dyn Bus>> {
    let redis = Arc::new(RedisServer::start().await);
    let mut nodes: Vec<Arc<dyn Bus>> = Vec::new();
    for node in 0..3 {
        let bus = place::bus(&redis.url(), node).await;
        nodes.push(Arc::new(Kept { bus, _redis: Arc::clone(&redis) }));
    }
    nodes
}

testkit::bus_contract!(linked);
