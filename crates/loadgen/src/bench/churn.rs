//! Whether the memory of a server grows while clients come and go.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::progress;
use crate::Bench;
use crate::accounts;
use crate::clients::{Clients, Endpoint, Load};
use crate::figures::{Figures, count};
use crate::program::Program;

const ACCOUNTS: usize = 100;
const SOCKETS: usize = 100;
/// Each wave connects, sends these messages, and disconnects.
const MESSAGES: Load = Load { count: 500, every: Duration::from_millis(5) };
const SPAN: Duration = Duration::from_mins(10);
const PARTS: [(&str, u32); 4] =
    [("after a tenth", 1), ("after a fifth", 2), ("after a half", 5), ("at the end", 10)];

/// On PostgreSQL, because SQLite keeps pages of its file in the memory of the server.
pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Figures> {
    let postgres = bench.postgres.as_deref();
    let postgres = postgres.context("this row needs --postgres with an empty database")?;
    let mut figures = Figures::default();
    for round in 0..bench.rounds {
        let folder = bench.folder()?;
        let server =
            Program::server(&bench.server, folder.path(), &[("DATABASE_URL", postgres)]).await?;
        let accounts = accounts::register(&server, ACCOUNTS).await?;
        let (begin, span, mut waves) = (Instant::now(), bench.span(SPAN), 0);
        for (name, tenths) in PARTS {
            while begin.elapsed() < span * tenths / 10 {
                let endpoint = if waves % 2 == 0 { Endpoint::Compat } else { Endpoint::V1 };
                let clients =
                    Clients::open(endpoint, &[server.address()], &accounts, SOCKETS, 16).await?;
                clients.send_messages(bench.load(MESSAGES), None).await?;
                drop(clients);
                server.until_idle().await?;
                waves += 1;
            }
            figures.add(name, "MiB without sockets", count(server.resident()?) / 1024.0 / 1024.0);
        }
        figures.add("sockets", "", count(waves) * count(SOCKETS as u64));
        progress(round, &figures);
    }
    Ok(figures)
}
