//! The rate of sign-ins, and how much they delay other clients.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use futures_util::future::try_join_all;
use serde_json::json;

use super::progress;
use crate::Bench;
use crate::accounts::{self, Account, PASSWORD};
use crate::clients::{Clients, Endpoint, Load};
use crate::figures::{Figures, Target, count};
use crate::program::Program;
use crate::wire::Rest;

/// Clients that send.
const SOCKETS: usize = 50;
const LOAD: Load = Load { count: 200, every: Duration::from_millis(50) };
/// Accounts that sign in again and again.
const ACCOUNTS: usize = 8;
/// The default of the server.
const COST: u32 = 12;

pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Figures> {
    let folder = bench.folder()?;
    let env = [("CHAT__AUTH__BCRYPT_COST", "12")];
    let server = Program::server(&bench.server, folder.path(), &env).await?;
    let accounts = accounts::register(&server, ACCOUNTS).await?;
    let clients =
        Clients::open(Endpoint::Compat, &[server.address()], &accounts, SOCKETS, 64).await?;
    // Like the server's hashing pool: one fewer than there are cores, and at least one.
    let threads = thread::available_parallelism()?.get().saturating_sub(1).max(1);

    let load = bench.load(LOAD);
    let span = load.every * load.count;

    let mut figures = Figures::default();
    for round in 0..bench.rounds {
        clients.until_idle().await?;
        // Other clients send during both, so that both share the machine alike.
        let (bare, _) = tokio::try_join!(hash_rate(threads, span), async {
            clients.send_messages(load, None).await
        })?;
        clients.until_idle().await?;
        let calm = clients.send_messages(load, None).await?;
        let until = Instant::now() + span;
        let (rate, beside) = tokio::try_join!(sign_in_rate(&server, &accounts, until), async {
            clients.send_messages(load, None).await
        })?;
        let median =
            |received: &crate::clients::Outcome| count(received.latencies.value_at_quantile(0.5));
        figures.add("sign-ins", "per second", rate);
        figures.add("bare hashes", "per second", bare);
        figures.add("sign-ins / bare hashes", "", rate / bare);
        figures.add("median of other clients", "µs from due to received", median(&calm));
        figures.add(
            "median of other clients beside sign-ins",
            "µs from due to received",
            median(&beside),
        );
        figures.add("beside sign-ins / without", "", median(&beside) / median(&calm));
        progress(round, &figures);
    }
    figures.set_target("sign-ins / bare hashes", Target::AtLeast(0.9));
    figures.set_target("beside sign-ins / without", Target::AtMost(1.5));
    Ok(figures)
}

/// Hashes per second of `threads` threads that do nothing else.
async fn hash_rate(threads: usize, span: Duration) -> anyhow::Result<f64> {
    let until = Instant::now() + span;
    let each = (0..threads).map(|_| tokio::task::spawn_blocking(move || hash_until(until)));
    let rates = try_join_all(each).await?;
    rates.into_iter().sum()
}

fn hash_until(until: Instant) -> anyhow::Result<f64> {
    let begin = Instant::now();
    let mut hashes = 0;
    while Instant::now() < until {
        bcrypt::non_truncating_hash(PASSWORD, COST)?;
        hashes += 1;
    }
    Ok(count(hashes) / begin.elapsed().as_secs_f64())
}

async fn sign_in_rate(
    server: &Program,
    accounts: &[Account],
    until: Instant,
) -> anyhow::Result<f64> {
    let rest = Rest::new(server.address())?;
    let begin = Instant::now();
    let each = accounts.iter().map(|account| {
        let rest = &rest;
        async move {
            let mut ends = Vec::new();
            while Instant::now() < until {
                let body = json!({"username": account.name, "password": PASSWORD});
                rest.post("/api/v1/sessions", None, &body).await?;
                ends.push(Instant::now());
            }
            anyhow::Ok(ends)
        }
    });
    let ends: Vec<Instant> = try_join_all(each).await?.into_iter().flatten().collect();
    let last = ends.iter().max().ok_or_else(|| anyhow!("no sign-in succeeded"))?;
    Ok(count(ends.len() as u64) / last.duration_since(begin).as_secs_f64())
}
