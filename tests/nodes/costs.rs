//! Database statements and Redis commands, compared with `docs/performance.md`.

use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use reqwest::Method;
use serde_json::json;
use tokio::time::sleep_until;
use tokio_postgres::Client;

use super::cluster::Cluster;
use crate::support::{database::Database, socket::Received, user::User};

/// Long enough for all periodic work of idle nodes.
const QUIET: Duration = Duration::from_secs(12);
/// As many as two accounts may send at once.
const MESSAGES: u32 = 80;
const SOCKETS: u32 = 20;
const MARKS: u32 = 20;
const GROUPS: u32 = 20;

/// Statements of PostgreSQL, commands of Redis, and round trips to Redis, which may hold several commands.
#[derive(Debug, Clone, Copy)]
struct Costs {
    statements: f64,
    commands: f64,
    round_trips: f64,
}

impl Costs {
    fn each(self, cost: impl Fn(f64) -> f64) -> Self {
        Self {
            statements: cost(self.statements),
            commands: cost(self.commands),
            round_trips: cost(self.round_trips),
        }
    }

    fn less(self, other: Self) -> Self {
        Self {
            statements: self.statements - other.statements,
            commands: self.commands - other.commands,
            round_trips: self.round_trips - other.round_trips,
        }
    }

    fn all(self) -> [f64; 3] {
        [self.statements, self.commands, self.round_trips]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_connects_and_idling_cost_what_the_docs_say() {
    let cluster = Cluster::start_with(&[("CHAT__LIMITS__ENABLED", "true")], 2).await;
    let (ann, bob) = (cluster.user(0, "ann").await, cluster.user(1, "bob").await);
    let meter = Meter::new(&cluster).await;

    let unused = meter.idle().await;
    let mut of_ann = ann.socket().await;
    let mut of_bob = bob.socket().await;
    of_ann.wait_for("both", |received| received.online() == Some(vec!["ann", "bob"])).await;
    // The first sweep opens a connection for each of its two reads.
    meter.idle().await;
    let listening = meter.idle().await;

    let messages = meter
        .beyond(listening, MESSAGES, async {
            for n in 0..MESSAGES / 2 {
                let text = format!("message {n}");
                of_ann.send_and_confirm(&text).await.unwrap();
                of_bob.wait_for_message(&text).await;
                let text = format!("answer {n}");
                of_bob.send_and_confirm(&text).await.unwrap();
                of_ann.wait_for_message(&text).await;
            }
        })
        .await;
    let connects = Box::pin(meter.beyond(listening, SOCKETS, come_and_go(&ann))).await;

    // With the tolerance of each.
    let measured = [
        ("an idle second of two nodes without sockets", unused, 0.5),
        ("an idle second of two nodes with a socket each", listening, 0.5),
        ("a single message", messages, 0.25),
        ("a socket, from connect to close", connects, 0.5),
    ];
    compare(&measured, &meter).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn read_markers_and_typing_cost_what_the_docs_say() {
    let cluster = Cluster::start_with(&[("CHAT__LIMITS__ENABLED", "true")], 2).await;
    let (ann, bob) = (cluster.user(0, "ann").await, cluster.user(1, "bob").await);
    let mut groups = Vec::new();
    for _ in 0..GROUPS {
        let new = json!({"title": "G", "members": [bob.id]});
        let group = ann.v1(Method::POST, "/conversations", Some(&new)).await;
        groups.push(group.json["id"].as_i64().unwrap());
    }
    let path = format!("/conversations/{}/messages", groups[0]);
    for _ in 0..MARKS {
        ann.v1(Method::POST, &path, Some(&json!({"body": "x"}))).await;
    }
    let (mut of_ann, mut of_bob) = (ann.v1_socket().await, bob.v1_socket().await);
    for group in &groups {
        of_ann.subscribe_v1(*group).await;
    }
    let meter = Meter::new(&cluster).await;
    let listening = meter.idle().await;

    let marks = meter
        .beyond(listening, MARKS, async {
            for n in 1..=MARKS {
                let read = json!({
                    "type": "read", "ref": "r", "conversation": groups[0], "msg_no": n,
                });
                of_bob.send_v1(&read).await;
                let is_seen =
                    |received: &Received| received.of("read").any(|frame| frame["msg_no"] == n);
                of_ann.wait_for("the read marker", is_seen).await;
                let is_moved = |received: &Received| {
                    received.of("conversation").any(|frame| frame["conversation"]["read_no"] == n)
                };
                of_bob.wait_for("the reader's own marker", is_moved).await;
            }
        })
        .await;
    let typing = meter
        .beyond(listening, GROUPS, async {
            for group in &groups {
                let typing = json!({"type": "typing", "ref": "t", "conversation": group});
                of_bob.send_v1(&typing).await;
                let is_seen = |received: &Received| {
                    received.of("typing").any(|frame| frame["conversation"] == *group)
                };
                of_ann.wait_for("who types", is_seen).await;
            }
        })
        .await;

    let measured =
        [("a read marker moved in a group", marks, 1.5), ("a typing event shown", typing, 0.5)];
    compare(&measured, &meter).await;
}

/// Fails if a cost differs from the documented one.
async fn compare(measured: &[(&str, Costs, f64)], meter: &Meter) {
    for (what, costs, least) in measured {
        eprintln!("{what}: {costs:?}");
        let written = written(what);
        let mut pairs = costs.all().into_iter().zip(written.all());
        assert!(
            pairs
                .all(|(costs, written)| (costs - written).abs() <= f64::max(0.1 * written, *least)),
            "{what}: {costs:?}, and written is {written:?}; {:#?}",
            meter.breakdown().await
        );
    }
}

/// The row of the table.
fn written(what: &str) -> Costs {
    let page = include_str!("../../docs/performance.md");
    let row = page.lines().find_map(|line| line.strip_prefix(&format!("| {what} | ")));
    let row = row.unwrap_or_else(|| panic!("no row is about {what}"));
    let mut cells = row.split('|').map(|cell| cell.trim().parse().unwrap());
    let mut next = || cells.next().unwrap();
    Costs { statements: next(), commands: next(), round_trips: next() }
}

async fn come_and_go(user: &User) {
    for _ in 0..SOCKETS {
        let mut socket = user.socket().await;
        socket
            .wait_for("its history", |received| received.of("message_history").count() == 1)
            .await;
        socket.close().await;
    }
}

/// Reads the counters of PostgreSQL and Redis.
struct Meter {
    postgres: Client,
    redis: MultiplexedConnection,
    database: String,
}

impl Meter {
    async fn new(cluster: &Cluster) -> Self {
        // In a database of its own, so that it does not count itself.
        let postgres = Database::server().await;
        postgres.batch_execute("create extension if not exists pg_stat_statements").await.unwrap();
        let client = redis::Client::open(cluster.redis.url()).unwrap();
        let redis = client.get_multiplexed_async_connection().await.unwrap();
        Self { postgres, redis, database: cluster.database.name().to_owned() }
    }

    /// The costs of an idle second.
    async fn idle(&self) -> Costs {
        let (before, began) = (self.counted().await, Instant::now());
        sleep_until((began + QUIET).into()).await;
        let (after, took) = (self.counted().await, began.elapsed().as_secs_f64());
        after.less(before).each(|cost| cost / took)
    }

    /// The costs of each of `count` operations in `work`, without those of idling.
    async fn beyond(&self, idle: Costs, count: u32, work: impl Future<Output = ()>) -> Costs {
        let (before, began) = (self.counted().await, Instant::now());
        work.await;
        let (after, took) = (self.counted().await, began.elapsed().as_secs_f64());
        let idle = idle.each(|cost| cost * took);
        after.less(before).less(idle).each(|cost| cost / f64::from(count))
    }

    async fn counted(&self) -> Costs {
        let asked = "select coalesce(sum(calls), 0)::float8 from pg_stat_statements \
                     join pg_database on dbid = pg_database.oid where datname = $1";
        let row = self.postgres.query_one(asked, &[&self.database]).await.unwrap();
        let stats = self.redis_stats().await;
        let calls =
            stats.lines().filter_map(|line| line.split_once(":calls=")?.1.split(',').next());
        let reads = stats.lines().find_map(|line| line.strip_prefix("total_reads_processed:"));
        Costs {
            statements: row.get(0),
            commands: calls.map(|n| n.parse::<f64>().unwrap()).sum(),
            round_trips: reads.unwrap().trim().parse().unwrap(),
        }
    }

    /// The most frequent statements and commands.
    async fn breakdown(&self) -> Vec<String> {
        let asked = "select calls || ' ' || left(query, 120) from pg_stat_statements \
                     join pg_database on dbid = pg_database.oid where datname = $1 \
                     order by calls desc limit 30";
        let rows = self.postgres.query(asked, &[&self.database]).await.unwrap();
        let statements = rows.iter().map(|row| row.get(0));
        let stats = self.redis_stats().await;
        let commands = stats.lines().filter(|line| line.contains(":calls=")).map(str::to_owned);
        statements.chain(commands).collect()
    }

    async fn redis_stats(&self) -> String {
        let mut redis = self.redis.clone();
        redis::cmd("INFO").arg("all").query_async(&mut redis).await.unwrap()
    }
}
