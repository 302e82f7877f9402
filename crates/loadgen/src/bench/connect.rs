//! The cost of many clients that connect at once.

use std::time::Duration;

use super::{filled, progress};
use crate::Bench;
use crate::accounts::{self, Account};
use crate::clients::{Clients, Endpoint};
use crate::figures::{Figures, Target, count};
use crate::program::Program;

const SOCKETS: usize = 1000;
const HISTORY: usize = 500;
const MANY: usize = 1_000_000;

pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Figures> {
    let few = filled::server(bench, HISTORY, &[]).await?;
    let many = filled::server(bench, bench.count(MANY), &[]).await?;
    let in_few = accounts::register(&few, bench.count(SOCKETS)).await?;
    let in_many = accounts::register(&many, bench.count(SOCKETS)).await?;
    // Warm-up, not counted.
    connect(&few, &in_few).await?;
    connect(&many, &in_many).await?;

    let mut figures = Figures::default();
    for round in 0..bench.rounds {
        let small = connect(&few, &in_few).await?.as_secs_f64() * 1e6;
        let large = connect(&many, &in_many).await?.as_secs_f64() * 1e6;
        figures.add("into 500 messages", "µs of CPU per connect", small);
        figures.add("into 1,000,000 messages", "µs of CPU per connect", large);
        figures.add("1,000,000 / 500", "", large / small);
        progress(round, &figures);
    }
    figures.set_target("1,000,000 / 500", Target::AtMost(1.2));
    Ok(figures)
}

/// CPU per connect, from the handshake until every client has its history and is idle.
async fn connect(server: &Program, accounts: &[Account]) -> anyhow::Result<Duration> {
    let (before, address) = (server.cpu()?, [server.address()]);
    let clients =
        Clients::open(Endpoint::Compat, &address, accounts, accounts.len(), accounts.len()).await?;
    clients.until_idle().await?;
    let spent = server.cpu_since(before)?;
    drop(clients);
    server.until_idle().await?;
    Ok(spent.div_f64(count(accounts.len() as u64)))
}
