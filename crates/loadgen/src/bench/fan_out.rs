//! The cost of a delivery, compared with the baseline.

use std::time::Duration;

use anyhow::Context as _;

use super::progress;
use crate::Bench;
use crate::accounts;
use crate::clients::{Clients, Endpoint, Load, Outcome};
use crate::figures::{Figures, Target, count};
use crate::program::Program;

const SOCKETS: usize = 1000;
const ONE_IN_400_MS: Duration = Duration::from_millis(400);
/// The fastest rate that the baseline can send and the clients can read on two cores.
const BASELINE_INTERVAL: Duration = Duration::from_millis(25);

#[derive(Debug)]
pub(super) struct Scenario {
    endpoint: Endpoint,
    nodes: usize,
    load: Load,
    baseline: Load,
    at_most: Option<f64>,
}

impl Scenario {
    pub(super) const LONE: Self = Self {
        endpoint: Endpoint::Compat,
        nodes: 1,
        load: Load { count: 50, every: ONE_IN_400_MS },
        baseline: Load { count: 50, every: ONE_IN_400_MS },
        at_most: Some(1.5),
    };
    pub(super) const BUSY: Self = Self {
        load: Load { count: 2000, every: Duration::from_millis(5) },
        baseline: Load { count: 200, every: BASELINE_INTERVAL },
        at_most: Some(0.5),
        ..Self::LONE
    };
    pub(super) const LONE_V1: Self = Self { endpoint: Endpoint::V1, at_most: None, ..Self::LONE };
    pub(super) const BUSY_V1: Self = Self { endpoint: Endpoint::V1, at_most: None, ..Self::BUSY };
    pub(super) const NODES: Self = Self { nodes: 2, at_most: Some(1.8), ..Self::LONE };
}

pub(super) async fn measure(bench: &Bench, scenario: &Scenario) -> anyhow::Result<Figures> {
    let folders = (0..=scenario.nodes).map(|_| bench.folder()).collect::<Result<Vec<_>, _>>()?;
    let (baseline_folder, folders) = folders.split_first().context("no folder")?;
    let mut env = Vec::new();
    if scenario.nodes > 1 {
        let postgres =
            bench.postgres.as_deref().context("this row needs --postgres and --redis")?;
        let redis = bench.redis.as_deref().context("this row needs --redis")?;
        env.extend([("DATABASE_URL", postgres), ("REDIS_URL", redis)]);
    }
    let mut nodes = Vec::new();
    for folder in folders {
        nodes.push(Program::server(&bench.server, folder.path(), &env).await?);
    }
    let baseline = Program::baseline(baseline_folder.path()).await?;
    let sockets = bench.count(SOCKETS);
    let accounts = accounts::register(nodes.first().context("no node")?, sockets).await?;
    let addresses: Vec<_> = nodes.iter().map(Program::address).collect();
    let clients = Clients::open(scenario.endpoint, &addresses, &accounts, sockets, 64).await?;
    let baseline_clients =
        Clients::open(Endpoint::Baseline, &[baseline.address()], &accounts, sockets, 64).await?;
    // Warm-up, not counted. It also gives the baseline a frame to send.
    run(&nodes, &clients, Load { count: 5, ..scenario.load }, None).await?;

    let mut figures = Figures::default();
    for round in 0..bench.rounds {
        let (cost, received) = run(&nodes, &clients, bench.load(scenario.load), None).await?;
        let sample = clients.sample();
        // The baseline relays frames of the same bytes as the server's deliveries.
        let baseline = std::slice::from_ref(&baseline);
        let (least, on_baseline) =
            run(baseline, &baseline_clients, bench.load(scenario.baseline), Some(&sample)).await?;
        let (cost, least) = (cost.as_secs_f64() * 1e6, least.as_secs_f64() * 1e6);
        figures.add("server", "µs of CPU per delivery", cost);
        figures.add("baseline", "µs of CPU per delivery", least);
        figures.add("server / baseline", "", cost / least);
        figures.add("deliveries", "per core-second", 1e6 / cost);
        for (name, part) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
            figures.add(name, "ms from due to received", milliseconds(&received, part));
        }
        figures.add("baseline p50", "ms from due to received", milliseconds(&on_baseline, 0.5));
        progress(round, &figures);
    }
    if let Some(most) = scenario.at_most {
        figures.set_target("server / baseline", Target::AtMost(most));
    }
    Ok(figures)
}

/// CPU of the programs per delivery, and what the clients received.
async fn run(
    programs: &[Program],
    clients: &Clients,
    load: Load,
    template: Option<&[u8]>,
) -> anyhow::Result<(Duration, Outcome)> {
    clients.until_idle().await?;
    let before = cpu(programs)?;
    let received = clients.send_messages(load, template).await?;
    let spent = cpu(programs)?.saturating_sub(before);
    Ok((spent.div_f64(count(received.deliveries)), received))
}

fn cpu(programs: &[Program]) -> anyhow::Result<Duration> {
    programs.iter().map(Program::cpu).sum()
}

fn milliseconds(received: &Outcome, part: f64) -> f64 {
    count(received.latencies.value_at_quantile(part)) / 1000.0
}
