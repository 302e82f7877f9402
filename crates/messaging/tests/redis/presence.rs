//! Who is there, on nodes that tell each other over a Redis that comes and goes.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{Delivery, PresenceUpdate};
use application::{Presence, PresenceTiming};
use domain::Username;
use testkit::{PATIENCE, RecordingOutlet, RedisServer, values};
use tokio::time::{interval, timeout};

use crate::place;

/// Between two looks.
const GLANCE: Duration = Duration::from_millis(20);

struct Node {
    presence: Presence,
    local_broadcast: Arc<RecordingOutlet>,
}

impl Node {
    /// One whose hints come and go.
    async fn start(url: &str, node: u64) -> Self {
        let local_broadcast = Arc::new(RecordingOutlet::default());
        let rosters = Arc::new(place::rosters(url, node).await);
        let (presence, task) =
            Presence::new(Arc::clone(&local_broadcast) as _, rosters, PresenceTiming::OneByOne);
        tokio::spawn(task.run());
        Self { presence, local_broadcast }
    }

    fn enter(&self, name: &str) {
        self.presence.enter(&values::username(name));
    }

    fn updates(&self) -> Vec<Arc<PresenceUpdate>> {
        let update = |delivery| match delivery {
            Delivery::Presence(update) => update,
            other => panic!("not presence: {other:?}"),
        };
        self.local_broadcast.deliveries().into_iter().map(update).collect()
    }

    /// Waits until exactly these are there.
    async fn sees(&self, want: &[&str]) {
        let seen = async {
            let mut glances = interval(GLANCE);
            while self.presence.online().iter().map(Username::as_str).ne(want.iter().copied()) {
                glances.tick().await;
            }
        };
        let seen = timeout(PATIENCE, seen).await;
        seen.unwrap_or_else(|_| panic!("{want:?}: {:?}", self.presence.online()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_leaves_because_redis_did_and_who_came_meanwhile_is_seen_after() {
    let mut redis = RedisServer::start().await;
    let nodes = [Node::start(&redis.url(), 1).await, Node::start(&redis.url(), 2).await];
    nodes[0].enter("ann");
    nodes[1].enter("bob");
    for node in &nodes {
        node.sees(&["ann", "bob"]).await;
    }

    redis.kill();
    nodes[0].enter("eve");
    redis.start_again().await;
    for node in &nodes {
        node.sees(&["ann", "bob", "eve"]).await;
    }
    redis.stand_still(true);
    nodes[1].enter("joe");
    nodes[1].sees(&["ann", "bob", "eve", "joe"]).await;
    redis.stand_still(false);
    nodes[0].sees(&["ann", "bob", "eve", "joe"]).await;

    for node in &nodes {
        let moves = node.updates().into_iter().flat_map(|update| update.moves.clone());
        assert!(moves.into_iter().all(|(_, came)| came), "somebody left");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_ends_takes_its_users_along() {
    let redis = RedisServer::start().await;
    let nodes = [Node::start(&redis.url(), 1).await, Node::start(&redis.url(), 2).await];
    nodes[0].enter("ann");
    nodes[1].enter("bob");
    nodes[0].sees(&["ann", "bob"]).await;

    nodes[1].presence.close();

    nodes[0].sees(&["ann"]).await;
}
