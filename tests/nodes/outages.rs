//! Redis away for 30 s, under load.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::cluster::Cluster;
use crate::support::socket::{Heard, Socket};

const OUTAGE: Duration = Duration::from_secs(30);
/// Between two messages of one sender.
const PACE: Duration = Duration::from_millis(50);

#[tokio::test(flavor = "multi_thread")]
async fn redis_shut_down_for_30_s_refuses_no_write_and_delays_little() {
    let mut cluster = Cluster::start_in("parity", 2).await;
    let mut chat = Chat::begin(&cluster).await;
    chat.talk_for(Duration::from_secs(2)).await;

    cluster.redis.kill();
    chat.talk_for(OUTAGE).await;
    cluster.redis.start_again().await;
    chat.talk_for(Duration::from_secs(15)).await;

    chat.assert_prompt();
    chat.assert_nobody_left();
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_that_stands_still_for_30_s_refuses_no_write_and_delays_little() {
    let cluster = Cluster::start_in("parity", 2).await;
    let mut chat = Chat::begin(&cluster).await;
    chat.talk_for(Duration::from_secs(2)).await;

    cluster.redis.stand_still(true);
    chat.talk_for(OUTAGE).await;
    // A node may start while it is away, and says so.
    let late = cluster.new_node().await;
    assert_eq!(late.health("ready").await, Some(StatusCode::OK));
    cluster.redis.stand_still(false);
    chat.talk_for(Duration::from_secs(15)).await;

    chat.assert_prompt();
    chat.assert_nobody_left();
}

/// One who talks at the first node, and one who listens at the second.
struct Chat {
    talker: Socket,
    listener: Socket,
    pace: Interval,
    count: usize,
    delays: Vec<Duration>,
}

impl Chat {
    async fn begin(cluster: &Cluster) -> Self {
        let mut talker = cluster.user(0, "ann").await.socket().await;
        let mut listener = cluster.user(1, "bob").await.socket().await;
        let both = |heard: &Heard| heard.online() == Some(vec!["ann", "bob"]);
        talker.hears("both are there", both).await;
        listener.hears("both are there", both).await;
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { talker, listener, pace, count: 0, delays: Vec::new() }
    }

    /// Sends and waits for the other node to show it, again and again.
    async fn talk_for(&mut self, span: Duration) {
        let end = Instant::now() + span;
        while Instant::now() < end {
            self.pace.tick().await;
            let text = format!("message {}", self.count);
            self.count += 1;
            assert!(self.talker.tell(&text).await.is_some(), "{text} was refused");
            let stored = Instant::now();
            self.listener.hears_message(&text).await;
            self.delays.push(stored.elapsed());
        }
    }

    fn assert_prompt(&mut self) {
        self.delays.sort();
        let p99 = self.delays[self.delays.len() * 99 / 100];
        let longest = *self.delays.last().unwrap();
        let count = self.delays.len();
        assert!(p99 <= Duration::from_millis(1_500), "p99 of {count}: {p99:?}");
        assert!(longest <= Duration::from_secs(5), "longest of {count}: {longest:?}");
    }

    fn assert_nobody_left(&self) {
        for socket in [&self.talker, &self.listener] {
            let heard = socket.heard();
            assert_eq!(heard.of("user_leave").count(), 0);
            assert_eq!(heard.online(), Some(vec!["ann", "bob"]));
        }
    }
}
