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

use super::cluster::{Cluster, says};
use crate::support::{
    socket::{Heard, Socket},
    soon,
};

const OUTAGE: Duration = Duration::from_secs(30);
/// After an outage, messages are counted for so long.
const AFTERMATH: Duration = Duration::from_secs(5);
/// A lease that was lost shows within this, as somebody who left.
const LEASES: Duration = Duration::from_secs(20);

/// By the node at which they are: two nodes say something every 50 ms each. At
/// the third nobody says anything, so that no message of its own shows it a gap.
const TALKERS: [&[&str]; 3] = [&["ann", "bob", "dan"], &["eve", "flo", "guy"], &[]];
const LISTENER: &str = "zoe";
/// Between two messages of one of them: within the limits, which are on.
const PACE: Duration = Duration::from_millis(150);

#[tokio::test(flavor = "multi_thread")]
async fn redis_shut_down_for_30_s_refuses_no_write_and_delays_little() {
    let mut cluster = start().await;
    let talk = Talk::begin(&cluster).await;

    cluster.redis.kill();
    let began = Instant::now();
    cluster.says("degraded").await;
    sleep_until((began + OUTAGE).into()).await;
    cluster.redis.restart().await;

    talk.assert_good(&cluster, began).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_that_stands_still_for_30_s_refuses_no_write_and_delays_little() {
    let cluster = start().await;
    let talk = Talk::begin(&cluster).await;

    cluster.redis.suspend(true);
    let began = Instant::now();
    cluster.says("degraded").await;
    // A node may start while it is away.
    says(&cluster.new_node().await, "degraded").await;
    sleep_until((began + OUTAGE).into()).await;
    cluster.redis.suspend(false);

    talk.assert_good(&cluster, began).await;
}

async fn start() -> Cluster {
    let settings = [("CHAT_PROFILE", "parity"), ("CHAT__LIMITS__ENABLED", "true")];
    let cluster = Cluster::start_with(&settings, TALKERS.len()).await;
    cluster.says("ready").await;
    cluster
}

/// Some who talk, whatever they hear, and one who listens.
struct Talk {
    stop: watch::Sender<bool>,
    talkers: JoinSet<Said>,
    listener: Socket,
    /// For each node, when a text was heard there.
    arrivals: Vec<watch::Receiver<HashMap<String, Instant>>>,
}

/// What one of them said.
struct Said {
    node: usize,
    socket: Socket,
    texts: Vec<(String, Instant)>,
}

impl Talk {
    async fn begin(cluster: &Cluster) -> Self {
        let mut sockets = Vec::new();
        for (node, names) in TALKERS.iter().enumerate() {
            for name in *names {
                sockets.push((node, *name, cluster.user(node, name).await.socket().await));
            }
        }
        let mut listener = cluster.user(TALKERS.len() - 1, LISTENER).await.socket().await;
        for socket in sockets.iter_mut().map(|(.., socket)| socket).chain([&mut listener]) {
            socket.hears("all are there", is_everybody_online).await;
        }
        let heard_at = |node| {
            let here = sockets.iter().find(|(there, ..)| *there == node);
            let (sender, arrivals) = watch::channel(HashMap::new());
            tokio::spawn(note_arrivals(here.map_or(&listener, |it| &it.2).watch(), sender));
            arrivals
        };
        let arrivals = (0..TALKERS.len()).map(heard_at).collect();
        let (stop, mut talkers) = (watch::Sender::new(false), JoinSet::new());
        let offset = PACE / u32::try_from(sockets.len()).unwrap();
        for (turn, (node, name, socket)) in (0..).zip(sockets) {
            let start = Instant::now() + offset * turn;
            talkers.spawn(talk(node, name, socket, start, stop.subscribe()));
        }
        Self { stop, talkers, listener, arrivals }
    }

    /// To be asked when the outage is over that began then.
    async fn assert_good(mut self, cluster: &Cluster, began: Instant) {
        let ended = Instant::now();
        cluster.says("ready").await;
        sleep_until((ended + LEASES).into()).await;
        self.stop.send_replace(true);
        let said = self.talkers.join_all().await;
        let total: usize = said.iter().map(|said| said.texts.len()).sum();
        let whole = self.arrivals.iter_mut().map(|at| at.wait_for(|heard| heard.len() == total));
        let arrivals = soon("everything is heard at every node", join_all(whole)).await;

        for (node, arrivals) in arrivals.into_iter().map(Result::unwrap).enumerate() {
            let elsewhere = said.iter().filter(|said| said.node != node);
            let counted = elsewhere
                .flat_map(|said| &said.texts)
                .filter(|(_, at)| (began..ended + AFTERMATH).contains(at));
            assert_prompt(node, counted.map(|(text, at)| arrivals[text] - *at).collect());
        }
        for socket in said.iter().map(|said| &said.socket).chain([&self.listener]) {
            let heard = socket.heard();
            assert_eq!(heard.of("user_leave").count(), 0);
            assert!(is_everybody_online(&heard), "{:?}", heard.online());
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

fn is_everybody_online(heard: &Heard) -> bool {
    heard.online() == Some([TALKERS.concat(), vec![LISTENER]].concat())
}

async fn talk(
    node: usize,
    name: &str,
    mut socket: Socket,
    start: Instant,
    stop: watch::Receiver<bool>,
) -> Said {
    let (mut texts, mut pace) = (Vec::new(), interval_at(start.into(), PACE));
    while !*stop.borrow() {
        pace.tick().await;
        let text = format!("{name} says {}", texts.len());
        let at = Instant::now();
        socket.say(&text).await;
        texts.push((text, at));
    }
    Said { node, socket, texts }
}

/// Notes each message as it comes.
async fn note_arrivals(
    mut heard: watch::Receiver<Heard>,
    arrivals: watch::Sender<HashMap<String, Instant>>,
) {
    let mut seen = 0;
    while heard.changed().await.is_ok() {
        let now = Instant::now();
        let heard = heard.borrow_and_update();
        let news = heard.frames[seen..].iter().filter(|frame| frame["type"] == "chat_message");
        arrivals.send_modify(|arrivals| {
            for frame in news {
                let text = frame["message"]["content"].as_str().unwrap().to_owned();
                assert!(arrivals.insert(text, now).is_none(), "heard twice: {frame}");
            }
        });
        seen = heard.frames.len();
    }
}
