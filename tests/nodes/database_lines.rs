//! A slow or silent line between one node and PostgreSQL. Redis is away, so that the node delivers what it reads.

use std::time::{Duration, Instant};

use testkit::{Line, TcpProxy};
use tokio::time::interval;

use super::cluster::{Cluster, wait_for_readiness};
use crate::support::{
    server::Server,
    socket::{Received, Socket},
    soon,
};

const PROMISE: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_secs(15);
/// In each direction, so that a round trip takes twice as long.
const DELAY: Duration = Duration::from_millis(500);
/// Between two messages.
const INTERVAL: Duration = Duration::from_millis(150);

#[tokio::test(flavor = "multi_thread")]
async fn a_node_delivers_within_5_s_of_the_silence_of_its_database() {
    let mut lines = Lines::start().await;

    lines.proxy.set(Line::Lost);
    let began = Instant::now();
    wait_for_readiness(&lines.node, "store unavailable").await;
    let noticed = began.elapsed();
    let (mut count, mut ticks) = (0, interval(INTERVAL));
    while began.elapsed() < SILENCE {
        ticks.tick().await;
        lines.send(count).await;
        count += 1;
    }
    lines.proxy.set(Line::Delayed(Duration::ZERO));
    let returned = Instant::now();
    lines.receive(count).await;
    let late = returned.elapsed();

    eprintln!("not ready after {noticed:?}; all {count} messages {late:?} after the silence");
    assert!(noticed <= Duration::from_secs(4), "{noticed:?}");
    assert!(late <= PROMISE, "{late:?}");
    lines.assert_received_once(count);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_delivers_within_5_s_over_a_line_with_500_ms_of_delay() {
    const COUNT: usize = 40;
    let mut lines = Lines::start().await;

    lines.proxy.set(Line::Delayed(DELAY));
    // New connections open, and prepare their statements.
    lines.send_all(0..COUNT).await;
    lines.receive(COUNT).await;
    let mut received = lines.listener.watch();
    let arrivals = tokio::spawn(async move {
        let mut arrivals = Vec::new();
        while arrivals.len() < COUNT {
            received.changed().await.unwrap();
            let count = texts(&received.borrow_and_update()).len();
            arrivals.resize(count - COUNT, Instant::now());
        }
        arrivals
    });
    let sent = lines.send_all(COUNT..2 * COUNT).await;
    lines.receive(2 * COUNT).await;
    let arrivals = soon("all arrive", arrivals).await.unwrap().into_iter();
    let mut delays: Vec<Duration> =
        arrivals.zip(sent).map(|(arrived, sent)| arrived - sent).collect();
    delays.sort();

    let (shortest, longest) = (delays[0], delays[COUNT - 1]);
    eprintln!("{COUNT} messages, {shortest:?} to {longest:?} after their acknowledgement");
    assert!(longest <= PROMISE, "{delays:?}");
    lines.assert_received_once(2 * COUNT);
}

/// A sender at one node, and a listener at another one that reaches the database through a proxy.
struct Lines {
    sender: Socket,
    listener: Socket,
    proxy: TcpProxy,
    node: Server,
    _cluster: Cluster,
}

impl Lines {
    async fn start() -> Self {
        let settings = [("CHAT_PROFILE", "parity")];
        let mut cluster = Cluster::start_with(&settings, 1).await;
        let mut url = url::Url::parse(cluster.database.url()).unwrap();
        let proxy = TcpProxy::start(url.port().unwrap()).await;
        url.set_port(Some(proxy.port())).unwrap();
        let node = cluster.new_node_with(url.as_str()).await;
        let mut sender = cluster.user(0, "ann").await.socket().await;
        let mut listener = node.register("bob").await.socket().await;
        cluster.redis.kill();
        cluster.wait_for_readiness("degraded").await;
        wait_for_readiness(&node, "degraded").await;
        // From now on, the statements of the node are prepared.
        sender.send_and_confirm("first").await.unwrap();
        listener.wait_for_message("first").await;
        Self { sender, listener, proxy, node, _cluster: cluster }
    }

    /// Returns when it is acknowledged.
    async fn send(&mut self, number: usize) {
        self.sender.send_and_confirm(&text(number)).await.unwrap();
    }

    /// Returns when each was acknowledged.
    async fn send_all(&mut self, numbers: std::ops::Range<usize>) -> Vec<Instant> {
        let (mut sent, mut ticks) = (Vec::new(), interval(INTERVAL));
        for number in numbers {
            ticks.tick().await;
            self.send(number).await;
            sent.push(Instant::now());
        }
        sent
    }

    async fn receive(&mut self, count: usize) {
        self.listener.wait_for_message(&text(count - 1)).await;
    }

    fn assert_received_once(&self, count: usize) {
        let received: Vec<String> = texts(&self.listener.received());
        let sent: Vec<String> = (0..count).map(text).collect();
        assert_eq!(received, sent);
    }
}

fn text(number: usize) -> String {
    format!("message {number}")
}

/// Without the first message, which the history may contain.
fn texts(received: &Received) -> Vec<String> {
    let text = |frame: &serde_json::Value| frame["message"]["content"].as_str().unwrap().to_owned();
    received.of("chat_message").map(text).filter(|text| text != "first").collect()
}
