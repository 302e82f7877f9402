//! What sockets cost that nobody talks to.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::{filled, progress};
use crate::Bench;
use crate::crowd::{Crowd, Seat};
use crate::figures::{Figures, Target, count};
use crate::people;
use crate::program::Program;

const SOCKETS: usize = 10_000;
/// Each has a hundred of the sockets, so that the list of who is there stays short.
const PEOPLE: usize = 100;
/// As many messages as a history holds.
const HISTORY: usize = 500;
const PING: Duration = Duration::from_secs(25);

pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Figures> {
    let mut figures = Figures::default();
    for round in 0..bench.rounds {
        let folder = bench.folder()?;
        let env = [("CHAT__SOCKET__PING_INTERVAL_S", "25")];
        let server = Program::server(&bench.server, folder.path(), &env).await?;
        let people = people::register(&server, PEOPLE).await?;
        if let Some(person) = people.first() {
            filled::fill(&server, person, HISTORY).await?;
        }
        let before = server.resident()?;
        let crowd =
            Crowd::open(Seat::Lobby, &[server.address()], &people, bench.count(SOCKETS), 64)
                .await?;
        crowd.quiet().await?;
        let grown = server.resident()?.saturating_sub(before);
        figures.add(
            "memory",
            "KiB per socket",
            count(grown) / 1024.0 / count(crowd.sockets() as u64),
        );

        let (begin, spent) = (Instant::now(), server.cpu()?);
        sleep(bench.span(PING)).await;
        let share = server.cpu_since(spent)?.as_secs_f64() / begin.elapsed().as_secs_f64();
        figures.add("CPU", "% of one core", share * 100.0);
        progress(round, &figures);
    }
    figures.want("memory", Target::AtMost(16.0));
    figures.want("CPU", Target::AtMost(1.5));
    Ok(figures)
}
