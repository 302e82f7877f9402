//! Presence across nodes while Redis stops and starts.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{Delivery, PresenceUpdate};
use application::{Presence, PresenceTiming};
use domain::Username;
use testkit::{RecordingBroadcast, RedisServer, TEST_TIMEOUT, values};
use tokio::time::{interval, timeout};

use crate::nodes;

const POLL_INTERVAL: Duration = Duration::from_millis(20);

struct Node {
    presence: Presence,
    local_broadcast: Arc<RecordingBroadcast>,
}

impl Node {
    async fn start(url: &str, node: u64) -> Self {
        let local_broadcast = Arc::new(RecordingBroadcast::default());
        let rosters = Arc::new(nodes::rosters(url, node).await);
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

    /// Waits until exactly these users are online.
    async fn expect_online(&self, want: &[&str]) {
        let matches = async {
            let mut polls = interval(POLL_INTERVAL);
            while self.presence.online().iter().map(Username::as_str).ne(want.iter().copied()) {
                polls.tick().await;
            }
        };
        let outcome = timeout(TEST_TIMEOUT, matches).await;
        outcome.unwrap_or_else(|_| panic!("{want:?}: {:?}", self.presence.online()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_redis_makes_no_user_leave_or_stay_unseen() {
    let mut redis = RedisServer::start().await;
    let nodes = [Node::start(&redis.url(), 1).await, Node::start(&redis.url(), 2).await];
    nodes[0].enter("ann");
    nodes[1].enter("bob");
    for node in &nodes {
        node.expect_online(&["ann", "bob"]).await;
    }

    redis.kill();
    nodes[0].enter("eve");
    redis.restart().await;
    for node in &nodes {
        node.expect_online(&["ann", "bob", "eve"]).await;
    }
    redis.suspend(true);
    nodes[1].enter("joe");
    nodes[1].expect_online(&["ann", "bob", "eve", "joe"]).await;
    redis.suspend(false);
    nodes[0].expect_online(&["ann", "bob", "eve", "joe"]).await;

    for node in &nodes {
        let moves = node.updates().into_iter().flat_map(|update| update.moves.clone());
        assert!(moves.into_iter().all(|step| step.joined), "a user left");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_of_a_closed_node_go_offline() {
    let redis = RedisServer::start().await;
    let nodes = [Node::start(&redis.url(), 1).await, Node::start(&redis.url(), 2).await];
    nodes[0].enter("ann");
    nodes[1].enter("bob");
    nodes[0].expect_online(&["ann", "bob"]).await;

    nodes[1].presence.close();

    nodes[0].expect_online(&["ann"]).await;
}
