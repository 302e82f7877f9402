//! The cost of idle sockets.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::{filled, progress};
use crate::Bench;
use crate::accounts;
use crate::clients::{Clients, Endpoint};
use crate::figures::{Figures, Target, count};
use crate::program::Program;

const SOCKETS: usize = 10_000;
/// Each has a hundred sockets, so that the list of online users stays short.
const ACCOUNTS: usize = 100;
/// A full history.
const HISTORY: usize = 500;
const PING: Duration = Duration::from_secs(25);

pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Figures> {
    let mut figures = Figures::default();
    for round in 0..bench.rounds {
        let folder = bench.folder()?;
        let env = [("CHAT__SOCKET__PING_INTERVAL_S", "25")];
        let server = Program::server(&bench.server, folder.path(), &env).await?;
        let accounts = accounts::register(&server, ACCOUNTS).await?;
        if let Some(account) = accounts.first() {
            filled::fill(&server, account, HISTORY).await?;
        }
        let before = server.resident()?;
        let clients = Clients::open(
            Endpoint::Compat,
            &[server.address()],
            &accounts,
            bench.count(SOCKETS),
            64,
        )
        .await?;
        clients.until_idle().await?;
        let grown = server.resident()?.saturating_sub(before);
        figures.add(
            "memory",
            "KiB per socket",
            count(grown) / 1024.0 / count(clients.sockets() as u64),
        );

        let (begin, spent) = (Instant::now(), server.cpu()?);
        sleep(bench.span(PING)).await;
        let share = server.cpu_since(spent)?.as_secs_f64() / begin.elapsed().as_secs_f64();
        figures.add("CPU", "% of one core", share * 100.0);
        progress(round, &figures);
    }
    figures.set_target("memory", Target::AtMost(8.0));
    figures.set_target("CPU", Target::AtMost(1.5));
    Ok(figures)
}
