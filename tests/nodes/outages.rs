//! Redis away for 30 s, under load.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{interval_at, sleep_until},
};

use super::cluster::{Cluster, wait_for_readiness};
use crate::support::{
    socket::{Received, Socket},
    soon,
};

const OUTAGE: Duration = Duration::from_secs(30);
/// Delays are also measured for this long after an outage.
const AFTERMATH: Duration = Duration::from_secs(5);
/// A lost lease would show within this time, as a user who leaves.
const LEASES: Duration = Duration::from_secs(20);

/// The senders at each node: two nodes get a message every 50 ms each. The third gets none, so that no message of its
/// own shows it a gap.
const SENDERS: [&[&str]; 3] = [&["ann", "bob", "dan"], &["eve", "flo", "guy"], &[]];
const LISTENER: &str = "zoe";
/// Between two messages of one sender; within the limits, which are on.
const INTERVAL: Duration = Duration::from_millis(150);

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_outage_of_30_s_refuses_no_write() {
    let mut cluster = start().await;
    let load = Load::start(&cluster).await;

    cluster.redis.kill();
    let began = Instant::now();
    cluster.wait_for_readiness("degraded").await;
    sleep_until((began + OUTAGE).into()).await;
    cluster.redis.restart().await;

    load.assert_delivered(&cluster, began).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_frozen_for_30_s_refuses_no_write() {
    let cluster = start().await;
    let load = Load::start(&cluster).await;

    cluster.redis.suspend(true);
    let began = Instant::now();
    cluster.wait_for_readiness("degraded").await;
    // A node can start while Redis does not answer.
    wait_for_readiness(&cluster.new_node().await, "degraded").await;
    sleep_until((began + OUTAGE).into()).await;
    cluster.redis.suspend(false);

    load.assert_delivered(&cluster, began).await;
}

async fn start() -> Cluster {
    let settings = [("CHAT_PROFILE", "parity"), ("CHAT__LIMITS__ENABLED", "true")];
    let cluster = Cluster::start_with(&settings, SENDERS.len()).await;
    cluster.wait_for_readiness("ready").await;
    cluster
}

/// Senders that do not wait for echoes, and one client that only receives.
struct Load {
    stop: watch::Sender<bool>,
    writers: JoinSet<Sent>,
    listener: Socket,
    /// For each node, when a text was received there.
    arrivals: Vec<watch::Receiver<HashMap<String, Instant>>>,
}

/// The messages of one sender, and when each was sent.
struct Sent {
    node: usize,
    socket: Socket,
    texts: Vec<(String, Instant)>,
}

impl Load {
    async fn start(cluster: &Cluster) -> Self {
        let mut sockets = Vec::new();
        for (node, names) in SENDERS.iter().enumerate() {
            for name in *names {
                sockets.push((node, *name, cluster.user(node, name).await.socket().await));
            }
        }
        let mut listener = cluster.user(SENDERS.len() - 1, LISTENER).await.socket().await;
        for socket in sockets.iter_mut().map(|(.., socket)| socket).chain([&mut listener]) {
            socket.wait_for("all users are online", are_all_online).await;
        }
        let received_at = |node| {
            let here = sockets.iter().find(|(there, ..)| *there == node);
            let (sender, arrivals) = watch::channel(HashMap::new());
            tokio::spawn(note_arrivals(
                here.map_or(&listener, |(.., socket)| socket).watch(),
                sender,
            ));
            arrivals
        };
        let arrivals = (0..SENDERS.len()).map(received_at).collect();
        let (stop, mut writers) = (watch::Sender::new(false), JoinSet::new());
        let offset = INTERVAL / u32::try_from(sockets.len()).unwrap();
        for (index, (node, name, socket)) in (0..).zip(sockets) {
            let start = Instant::now() + offset * index;
            writers.spawn(write(node, name, socket, start, stop.subscribe()));
        }
        Self { stop, writers, listener, arrivals }
    }

    /// Call it when the outage that began then is over.
    async fn assert_delivered(mut self, cluster: &Cluster, began: Instant) {
        let ended = Instant::now();
        cluster.wait_for_readiness("ready").await;
        sleep_until((ended + LEASES).into()).await;
        self.stop.send_replace(true);
        let sent = self.writers.join_all().await;
        let total: usize = sent.iter().map(|sent| sent.texts.len()).sum();
        let whole =
            self.arrivals.iter_mut().map(|at| at.wait_for(|received| received.len() == total));
        let arrivals = soon("every message at every node", join_all(whole)).await;

        for (node, arrivals) in arrivals.into_iter().map(Result::unwrap).enumerate() {
            let remote = sent.iter().filter(|sent| sent.node != node);
            let counted = remote
                .flat_map(|sent| &sent.texts)
                .filter(|(_, at)| (began..ended + AFTERMATH).contains(at));
            assert_prompt(node, counted.map(|(text, at)| arrivals[text] - *at).collect());
        }
        for socket in sent.iter().map(|sent| &sent.socket).chain([&self.listener]) {
            let received = socket.received();
            assert_eq!(received.of("user_leave").count(), 0);
            assert!(are_all_online(&received), "{:?}", received.online());
        }
    }
}

fn assert_prompt(node: usize, mut delays: Vec<Duration>) {
    delays.sort();
    let (count, longest) = (delays.len(), *delays.last().unwrap());
    let [p50, p99] = [50, 99].map(|percent| delays[count * percent / 100]);
    let figures = format!("to node {node}, {count}: p50 {p50:?}, p99 {p99:?}, longest {longest:?}");
    eprintln!("{figures}");
    assert!(count >= 500, "{figures}");
    assert!(p99 <= Duration::from_millis(1_500), "{figures}");
    assert!(longest <= Duration::from_secs(5), "{figures}");
}

fn are_all_online(received: &Received) -> bool {
    received.online() == Some([SENDERS.concat(), vec![LISTENER]].concat())
}

async fn write(
    node: usize,
    name: &str,
    mut socket: Socket,
    start: Instant,
    stop: watch::Receiver<bool>,
) -> Sent {
    let (mut texts, mut ticks) = (Vec::new(), interval_at(start.into(), INTERVAL));
    while !*stop.borrow() {
        ticks.tick().await;
        let text = format!("{name} sends {}", texts.len());
        let at = Instant::now();
        socket.send(&text).await;
        texts.push((text, at));
    }
    Sent { node, socket, texts }
}

/// Records when each message arrives.
async fn note_arrivals(
    mut received: watch::Receiver<Received>,
    arrivals: watch::Sender<HashMap<String, Instant>>,
) {
    let mut seen = 0;
    while received.changed().await.is_ok() {
        let now = Instant::now();
        let received = received.borrow_and_update();
        let new = received.frames[seen..].iter().filter(|frame| frame["type"] == "chat_message");
        arrivals.send_modify(|arrivals| {
            for frame in new {
                let text = frame["message"]["content"].as_str().unwrap().to_owned();
                assert!(arrivals.insert(text, now).is_none(), "received twice: {frame}");
            }
        });
        seen = received.frames.len();
    }
}
