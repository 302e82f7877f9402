//! What it costs that many come at once.

use std::time::Duration;

use super::{filled, progress};
use crate::Bench;
use crate::crowd::{Crowd, Seat};
use crate::figures::{Figures, Target, count};
use crate::people::{self, VisibleUser};
use crate::program::Program;

const SOCKETS: usize = 1000;
const HISTORY: usize = 500;
const MANY: usize = 1_000_000;

pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Figures> {
    let few = filled::server(bench, HISTORY, &[]).await?;
    let many = filled::server(bench, bench.count(MANY), &[]).await?;
    let in_few = people::register(&few, bench.count(SOCKETS)).await?;
    let in_many = people::register(&many, bench.count(SOCKETS)).await?;
    // Not counted: it fills caches.
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
    figures.want("1,000,000 / 500", Target::AtMost(1.2));
    Ok(figures)
}

/// CPU per connect, from the handshake until each has its history and it is quiet.
async fn connect(server: &Program, people: &[VisibleUser]) -> anyhow::Result<Duration> {
    let (before, address) = (server.cpu()?, [server.address()]);
    let crowd = Crowd::open(Seat::Lobby, &address, people, people.len(), people.len()).await?;
    crowd.quiet().await?;
    let spent = server.cpu_since(before)?;
    drop(crowd);
    server.at_rest().await?;
    Ok(spent.div_f64(count(people.len() as u64)))
}
