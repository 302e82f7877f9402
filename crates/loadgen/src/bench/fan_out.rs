//! What a delivery costs, beside the floor.

use std::time::Duration;

use anyhow::Context as _;

use super::progress;
use crate::Bench;
use crate::crowd::{Crowd, Heard, Pace, Seat};
use crate::figures::{Figures, Target, count};
use crate::people;
use crate::program::Program;

const SOCKETS: usize = 1000;
const ONE_IN_400_MS: Duration = Duration::from_millis(400);
/// The most that the floor can write to so many sockets and the load still read, on two cores.
const FLOOR_AT_MOST: Duration = Duration::from_millis(25);

/// Who talks how much, where.
#[derive(Debug)]
pub(super) struct Scene {
    seat: Seat,
    nodes: usize,
    pace: Pace,
    floor: Pace,
    at_most: Option<f64>,
}

impl Scene {
    pub(super) const LONE: Self = Self {
        seat: Seat::Lobby,
        nodes: 1,
        pace: Pace { count: 50, every: ONE_IN_400_MS },
        floor: Pace { count: 50, every: ONE_IN_400_MS },
        at_most: Some(1.5),
    };
    pub(super) const BUSY: Self = Self {
        pace: Pace { count: 2000, every: Duration::from_millis(5) },
        floor: Pace { count: 200, every: FLOOR_AT_MOST },
        at_most: Some(0.5),
        ..Self::LONE
    };
    pub(super) const LONE_V1: Self = Self { seat: Seat::LobbyOnV1, at_most: None, ..Self::LONE };
    pub(super) const BUSY_V1: Self = Self { seat: Seat::LobbyOnV1, at_most: None, ..Self::BUSY };
    pub(super) const NODES: Self = Self { nodes: 2, at_most: Some(1.8), ..Self::LONE };
}

pub(super) async fn measure(bench: &Bench, scene: &Scene) -> anyhow::Result<Figures> {
    let folders = (0..=scene.nodes).map(|_| bench.folder()).collect::<Result<Vec<_>, _>>()?;
    let (floor_folder, folders) = folders.split_first().context("no folder")?;
    let mut env = Vec::new();
    if scene.nodes > 1 {
        let postgres = bench.postgres.as_deref().context("it needs --postgres and --redis")?;
        let redis = bench.redis.as_deref().context("it needs --redis")?;
        env.extend([("DATABASE_URL", postgres), ("REDIS_URL", redis)]);
    }
    let mut nodes = Vec::new();
    for folder in folders {
        nodes.push(Program::server(&bench.server, folder.path(), &env).await?);
    }
    let floor = Program::floor(floor_folder.path()).await?;
    let sockets = bench.count(SOCKETS);
    let people = people::register(nodes.first().context("no node")?, sockets).await?;
    let addresses: Vec<_> = nodes.iter().map(Program::address).collect();
    let crowd = Crowd::open(scene.seat, &addresses, &people, sockets, 64).await?;
    let below = Crowd::open(Seat::Floor, &[floor.address()], &people, sockets, 64).await?;
    // Not counted: it fills caches, and gives the floor a frame to say.
    turn(&nodes, &crowd, Pace { count: 5, ..scene.pace }, None).await?;

    let mut figures = Figures::default();
    for round in 0..bench.rounds {
        let (cost, heard) = turn(&nodes, &crowd, bench.pace(scene.pace), None).await?;
        let sample = crowd.sample();
        // The floor relays what it hears: the bytes that a delivery of the server is.
        let floor = std::slice::from_ref(&floor);
        let (least, on_floor) = turn(floor, &below, bench.pace(scene.floor), Some(&sample)).await?;
        let (cost, least) = (cost.as_secs_f64() * 1e6, least.as_secs_f64() * 1e6);
        figures.add("server", "µs of CPU per delivery", cost);
        figures.add("floor", "µs of CPU per delivery", least);
        figures.add("server / floor", "", cost / least);
        figures.add("deliveries", "per core-second", 1e6 / cost);
        for (name, part) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
            figures.add(name, "ms from due to seen", milliseconds(&heard, part));
        }
        figures.add("floor p50", "ms from due to seen", milliseconds(&on_floor, 0.5));
        progress(round, &figures);
    }
    if let Some(most) = scene.at_most {
        figures.want("server / floor", Target::AtMost(most));
    }
    Ok(figures)
}

/// CPU of the programs per delivery, and what was heard.
async fn turn(
    programs: &[Program],
    crowd: &Crowd,
    pace: Pace,
    template: Option<&[u8]>,
) -> anyhow::Result<(Duration, Heard)> {
    crowd.quiet().await?;
    let before = cpu(programs)?;
    let heard = crowd.talk(pace, template).await?;
    let spent = cpu(programs)?.saturating_sub(before);
    Ok((spent.div_f64(count(heard.deliveries)), heard))
}

fn cpu(programs: &[Program]) -> anyhow::Result<Duration> {
    programs.iter().map(Program::cpu).sum()
}

fn milliseconds(heard: &Heard, part: f64) -> f64 {
    count(heard.latencies.value_at_quantile(part)) / 1000.0
}
