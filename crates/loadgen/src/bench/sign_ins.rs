//! How many can sign in, and what others notice of it.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use futures_util::future::try_join_all;
use serde_json::json;

use super::progress;
use crate::Bench;
use crate::crowd::{Crowd, Pace, Seat};
use crate::figures::{Figures, Target, count};
use crate::people::{self, PASSWORD, VisibleUser};
use crate::program::Program;
use crate::wire::Rest;

/// Sockets of the others, who talk.
const SOCKETS: usize = 50;
const PACE: Pace = Pace { count: 200, every: Duration::from_millis(50) };
/// People who sign in again and again.
const PEOPLE: usize = 8;
/// The default of the server.
const COST: u32 = 12;

pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Figures> {
    let folder = bench.folder()?;
    let env = [("CHAT__AUTH__BCRYPT_COST", "12")];
    let server = Program::server(&bench.server, folder.path(), &env).await?;
    let people = people::register(&server, PEOPLE).await?;
    let crowd = Crowd::open(Seat::Lobby, &[server.address()], &people, SOCKETS, 64).await?;
    // As the server has: one less than there are cores, and at least one.
    let threads = thread::available_parallelism()?.get().saturating_sub(1).max(1);

    let pace = bench.pace(PACE);
    let span = pace.every * pace.count;

    let mut figures = Figures::default();
    for round in 0..bench.rounds {
        crowd.quiet().await?;
        // What others do goes on beside each, so that both have the same to share.
        let (bare, _) =
            tokio::try_join!(hash_rate(threads, span), async { crowd.talk(pace, None).await })?;
        crowd.quiet().await?;
        let calm = crowd.talk(pace, None).await?;
        let until = Instant::now() + span;
        let (rate, beside) = tokio::try_join!(sign_in_rate(&server, &people, until), async {
            crowd.talk(pace, None).await
        })?;
        let median = |heard: &crate::crowd::Heard| count(heard.latencies.value_at_quantile(0.5));
        figures.add("sign-ins", "per second", rate);
        figures.add("bare hashes", "per second", bare);
        figures.add("sign-ins / bare hashes", "", rate / bare);
        figures.add("others' median", "µs from due to seen", median(&calm));
        figures.add("others' median beside sign-ins", "µs from due to seen", median(&beside));
        figures.add("beside sign-ins / without", "", median(&beside) / median(&calm));
        progress(round, &figures);
    }
    figures.want("sign-ins / bare hashes", Target::AtLeast(0.9));
    figures.want("beside sign-ins / without", Target::AtMost(1.5));
    Ok(figures)
}

/// Hashes per second of so many threads that do nothing else.
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
    people: &[VisibleUser],
    until: Instant,
) -> anyhow::Result<f64> {
    let rest = Rest::new(server.address())?;
    let begin = Instant::now();
    let each = people.iter().map(|person| {
        let rest = &rest;
        async move {
            let mut ends = Vec::new();
            while Instant::now() < until {
                let body = json!({"username": person.name, "password": PASSWORD});
                rest.post("/api/v1/sessions", None, &body).await?;
                ends.push(Instant::now());
            }
            anyhow::Ok(ends)
        }
    });
    let ends: Vec<Instant> = try_join_all(each).await?.into_iter().flatten().collect();
    let last = ends.iter().max().ok_or_else(|| anyhow!("nobody signed in"))?;
    Ok(count(ends.len() as u64) / last.duration_since(begin).as_secs_f64())
}
