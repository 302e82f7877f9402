//! Presence on several nodes, with and without a connection between them.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{
    BackendError, Delivery, NodeId, PresenceMove, Roster, RosterExchange, RosterMoves, Rosters,
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

    /// Waits until a user has so many connections.
    async fn counts(&self, name: &str, connections: usize) {
        let name = values::username(name);
        while self.presence.connections(&name) != connections {
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// The broadcast moves of this node: names, with `+` or `-`, doubled if the user came online or
    /// went offline by it.
    fn edges(&self) -> Vec<String> {
        self.shown_moves(|step| if step.is_edge { 2 } else { 1 })
    }

    /// The broadcast moves of this node: names, with `+` or `-`.
    fn moves(&self) -> Vec<String> {
        self.shown_moves(|_| 1)
    }

    fn shown_moves(&self, signs: impl Fn(&PresenceMove) -> usize) -> Vec<String> {
        let moves_of = |delivery| match delivery {
            Delivery::Presence(update) => update.moves.clone(),
            other => panic!("not presence: {other:?}"),
        };
        let moves = self.local_broadcast.deliveries().into_iter().flat_map(moves_of);
        moves
            .map(|step| {
                let sign = if step.joined { "+" } else { "-" };
                format!("{}{}", sign.repeat(signs(&step)), step.user.as_str())
            })
            .collect()
    }
}

#[tokio::test(start_paused = true)]
async fn joins_and_leaves_are_broadcast_on_every_node() {
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

    let mut moves = nodes[2].moves();
    moves.sort();
    assert_eq!(moves, ["+ann", "+ann", "+bob", "-ann", "-bob"]);
}

/// Two devices at two nodes, watched from each and from a third.
#[tokio::test(start_paused = true)]
async fn only_the_first_and_the_last_device_of_all_nodes_change_presence() {
    let nodes = nodes(3);
    sleep(Duration::from_millis(10)).await;
    let step = async |act: &dyn Fn(), connections| {
        act();
        for node in &nodes {
            node.counts("ann", connections).await;
        }
    };

    step(&|| nodes[0].enter("ann"), 1).await;
    step(&|| nodes[1].enter("ann"), 2).await;
    step(&|| nodes[1].leave("ann"), 1).await;
    step(&|| nodes[0].leave("ann"), 0).await;
    sleep(Duration::from_secs(1)).await;

    for node in &nodes {
        assert_eq!(node.edges(), ["++ann", "+ann", "-ann", "--ann"]);
    }
}

/// Whether the node still lives or has died with it.
#[tokio::test(start_paused = true)]
async fn a_dead_connection_that_times_out_after_the_return_changes_no_presence() {
    let nodes = nodes(3);
    nodes[0].enter("ann");
    nodes[2].counts("ann", 1).await;

    nodes[1].enter("ann");
    nodes[2].counts("ann", 2).await;
    nodes[0].leave("ann");
    nodes[2].counts("ann", 1).await;
    nodes[0].enter("ann");
    nodes[2].counts("ann", 2).await;
    nodes[0].task.abort();
    nodes[2].counts("ann", 1).await;
    sleep(Duration::from_secs(1)).await;

    assert_eq!(nodes[2].edges(), ["++ann", "+ann", "-ann", "+ann", "-ann"]);
}

#[tokio::test(start_paused = true)]
async fn users_of_a_dead_node_go_offline_within_20_s() {
    let nodes = nodes(2);
    nodes[0].enter("ann");
    nodes[1].enter("bob");
    nodes[0].sees(&["ann", "bob"]).await;

    nodes[1].task.abort();

    let took = nodes[0].sees(&["ann"]).await;
    assert!(took > Duration::from_secs(4) && took < Duration::from_secs(20), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn users_stay_online_while_the_exchange_is_unreachable() {
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
        let moves = node.moves();
        assert!(moves.iter().all(|step| step.starts_with('+')), "{moves:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn leaves_during_an_outage_are_broadcast_soon_after() {
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
async fn users_of_a_stopped_node_go_offline_at_once() {
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
async fn moves_beyond_the_announcement_limit_are_read_from_the_lease() {
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
async fn an_implausible_lease_is_refused_and_changes_nothing() {
    let [here, there] = <[_; 2]>::try_from(InProcessRosters::linked(2)).unwrap();
    let here = node(here);
    let lease = |version, count| Roster { version, online: vec![(values::username("ann"), count)] };
    there.renew(&lease(1, 2)).await.unwrap();
    here.sees(&["ann"]).await;

    there.renew(&lease(2, u32::MAX)).await.unwrap();
    sleep(Duration::from_secs(10)).await;

    assert_eq!(here.presence.connections(&values::username("ann")), 2);
    assert_eq!(here.moves(), ["+ann", "+ann"]);
}

/// An exchange without other nodes, which must not be used.
struct NoOtherNodes;

#[async_trait]
impl RosterExchange for NoOtherNodes {
    fn has_others(&self) -> bool {
        false
    }

    async fn announce(&self, _moves: &RosterMoves) {
        unreachable!("there are no other nodes");
    }

    async fn renew(&self, _roster: &Roster) -> Result<Rosters, BackendError> {
        unreachable!("there are no other nodes");
    }

    async fn next(&self) -> (NodeId, RosterMoves) {
        unreachable!("there are no other nodes");
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
        Presence::new(Arc::clone(&local_broadcast) as _, Arc::new(NoOtherNodes), timing);
    let task = tokio::spawn(task.run());

    for n in 0..2_000 {
        presence.enter(&values::username(&format!("u{n}")));
    }
    sleep(Duration::from_mins(1)).await;
    presence.close();

    task.await.expect("it ends well");
    assert_eq!(local_broadcast.deliveries().len(), 2_000);
}
