//! Presence on several nodes, with and without a connection between them.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{
    BackendError, Delivery, NodeId, Roster, RosterExchange, RosterMoves, Rosters,
};
use application::{Presence, PresenceTiming};
use async_trait::async_trait;
use memory::InProcessRosters;
use testkit::{RecordingBroadcast, values};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

struct Node {
    presence: Presence,
    local_broadcast: Arc<RecordingBroadcast>,
    exchange: Arc<InProcessRosters>,
    task: JoinHandle<()>,
}

fn node(exchange: InProcessRosters) -> Node {
    let (exchange, local_broadcast) = (Arc::new(exchange), Arc::new(RecordingBroadcast::default()));
    let (presence, task) = Presence::new(
        Arc::clone(&local_broadcast) as _,
        Arc::clone(&exchange) as _,
        PresenceTiming::OneByOne,
    );
    Node { presence, local_broadcast, exchange, task: tokio::spawn(task.run()) }
}

fn nodes(count: usize) -> Vec<Node> {
    InProcessRosters::linked(count).into_iter().map(node).collect()
}

impl Node {
    fn enter(&self, name: &str) {
        self.presence.enter(&values::username(name));
    }

    fn leave(&self, name: &str) {
        self.presence.leave(&values::username(name));
    }

    fn online(&self) -> Vec<String> {
        self.presence.online().iter().map(|name| name.as_str().to_owned()).collect()
    }

    /// Waits until exactly these users are online, and returns how long that took.
    async fn sees(&self, online: &[&str]) -> Duration {
        let start = Instant::now();
        while self.online() != online {
            assert!(start.elapsed() < Duration::from_mins(1), "{:?}", self.online());
            sleep(Duration::from_millis(10)).await;
        }
        start.elapsed()
    }

    /// The broadcast moves of this node: names, with `+` or `-`.
    fn told(&self) -> Vec<String> {
        let told = |delivery| match delivery {
            Delivery::Presence(update) => update.moves.clone(),
            other => panic!("not presence: {other:?}"),
        };
        let moves = self.local_broadcast.deliveries().into_iter().flat_map(told);
        moves
            .map(|(name, came)| format!("{}{}", if came { '+' } else { '-' }, name.as_str()))
            .collect()
    }
}

#[tokio::test(start_paused = true)]
async fn each_coming_and_going_is_told_on_every_node() {
    let nodes = nodes(3);
    sleep(Duration::from_millis(10)).await;

    nodes[0].enter("ann");
    nodes[1].enter("bob");
    nodes[0].enter("ann");
    for node in &nodes {
        assert!(node.sees(&["ann", "bob"]).await < Duration::from_secs(1));
    }
    assert_eq!(nodes[2].presence.connections(&values::username("ann")), 2);
    nodes[0].leave("ann");
    nodes[1].leave("bob");
    for node in &nodes {
        assert!(node.sees(&["ann"]).await < Duration::from_secs(1));
    }

    let mut told = nodes[2].told();
    told.sort();
    assert_eq!(told, ["+ann", "+ann", "+bob", "-ann", "-bob"]);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_dies_leaves_nobody_for_longer_than_20_s() {
    let nodes = nodes(2);
    nodes[0].enter("ann");
    nodes[1].enter("bob");
    nodes[0].sees(&["ann", "bob"]).await;

    nodes[1].task.abort();

    let took = nodes[0].sees(&["ann"]).await;
    assert!(took > Duration::from_secs(4) && took < Duration::from_secs(20), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn nobody_leaves_because_the_exchange_did() {
    let nodes = nodes(2);
    nodes[0].enter("ann");
    nodes[1].enter("bob");
    nodes[0].sees(&["ann", "bob"]).await;

    // Unreachable for long, then back, and then replaced by an empty exchange.
    nodes[0].exchange.go_away(true);
    sleep(Duration::from_secs(30)).await;
    nodes[1].enter("eve");
    nodes[0].exchange.go_away(false);
    nodes[0].sees(&["ann", "bob", "eve"]).await;
    sleep(Duration::from_secs(30)).await;
    nodes[0].exchange.start_over();
    sleep(Duration::from_mins(1)).await;

    for node in &nodes {
        assert_eq!(node.online(), ["ann", "bob", "eve"]);
        let told = node.told();
        assert!(told.iter().all(|step| step.starts_with('+')), "{told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_left_while_the_exchange_was_away_is_missed_soon_after() {
    let nodes = nodes(2);
    nodes[0].enter("ann");
    nodes[1].enter("bob");
    nodes[0].sees(&["ann", "bob"]).await;
    nodes[0].exchange.go_away(true);
    sleep(Duration::from_secs(5)).await;

    nodes[1].leave("bob");
    sleep(Duration::from_secs(30)).await;
    assert_eq!(nodes[0].online(), ["ann", "bob"]);
    nodes[0].exchange.go_away(false);

    assert!(nodes[0].sees(&["ann"]).await < Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_ends_well_is_missed_at_once() {
    let mut nodes = nodes(2);
    nodes[0].enter("ann");
    nodes[1].enter("bob");
    nodes[0].sees(&["ann", "bob"]).await;

    let gone = nodes.remove(1);
    gone.leave("bob");
    gone.presence.close();
    gone.task.await.unwrap();

    assert!(nodes[0].sees(&["ann"]).await < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn more_moves_than_are_announced_are_found_in_the_lease_soon() {
    let nodes = nodes(2);
    sleep(Duration::from_millis(10)).await;

    // More than may wait for an announcement.
    for n in 0..3_000 {
        nodes[0].enter(&format!("u{n}"));
    }
    let all: Vec<String> = nodes[0].online();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();

    assert!(nodes[1].sees(&all).await < Duration::from_millis(500));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_cannot_be_true_is_refused_and_takes_nobody_away() {
    let [here, there] = <[_; 2]>::try_from(InProcessRosters::linked(2)).unwrap();
    let here = node(here);
    let lease = |version, count| Roster { version, online: vec![(values::username("ann"), count)] };
    there.renew(&lease(1, 2)).await.unwrap();
    here.sees(&["ann"]).await;

    there.renew(&lease(2, u32::MAX)).await.unwrap();
    sleep(Duration::from_secs(10)).await;

    assert_eq!(here.presence.connections(&values::username("ann")), 2);
    assert_eq!(here.told(), ["+ann", "+ann"]);
}

/// An exchange without other nodes, which must not be used.
struct Nobody;

#[async_trait]
impl RosterExchange for Nobody {
    fn has_others(&self) -> bool {
        false
    }

    async fn announce(&self, _moves: &RosterMoves) {
        unreachable!("there is nobody to tell");
    }

    async fn renew(&self, _roster: &Roster) -> Result<Rosters, BackendError> {
        unreachable!("there is nobody to read it");
    }

    async fn next(&self) -> (NodeId, RosterMoves) {
        unreachable!("there is nobody to hear");
    }

    async fn withdraw(&self) {
        unreachable!("nothing was renewed");
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_without_others_exchanges_nothing() {
    let local_broadcast = Arc::new(RecordingBroadcast::default());
    let timing = PresenceTiming::OneByOne;
    let (presence, task) =
        Presence::new(Arc::clone(&local_broadcast) as _, Arc::new(Nobody), timing);
    let task = tokio::spawn(task.run());

    for n in 0..2_000 {
        presence.enter(&values::username(&format!("u{n}")));
    }
    sleep(Duration::from_mins(1)).await;
    presence.close();

    task.await.expect("it ends well");
    assert_eq!(local_broadcast.deliveries().len(), 2_000);
}
