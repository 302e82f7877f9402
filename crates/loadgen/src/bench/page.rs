//! The cost of a page of history, in a short conversation and in a long one.

use std::ops::AddAssign;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use super::{filled, progress};
use crate::Bench;
use crate::accounts::{self, Account};
use crate::figures::{Figures, Target, count};
use crate::program::Program;
use crate::wire::Rest;

const FEW: usize = 1000;
const MANY: usize = 1_000_000;
const PAGE: usize = 50;
/// From the newest message back to the oldest of the short history.
const PAGES: usize = FEW / PAGE;
const WALKS: usize = 15;

pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Figures> {
    let few = filled::server(bench, FEW, &[]).await?;
    let many = filled::server(bench, bench.count(MANY).max(FEW), &[]).await?;
    let in_few = accounts::register(&few, 1).await?.pop().context("no account")?;
    let in_many = accounts::register(&many, 1).await?.pop().context("no account")?;
    walk(&few, &in_few).await?;
    walk(&many, &in_many).await?;

    let mut figures = Figures::default();
    for round in 0..bench.rounds {
        let (mut small, mut large) = (Cost::default(), Cost::default());
        // Alternating, because the speed of a machine drifts.
        for _ in 0..WALKS {
            small += walk(&few, &in_few).await?;
            large += walk(&many, &in_many).await?;
        }
        let micros = |time: Duration| time.as_secs_f64() * 1e6 / count((WALKS * PAGES) as u64);
        let (small, took_small, large, took_large) = (small.cpu, small.took, large.cpu, large.took);
        figures.add("of 1,000 messages", "µs of CPU per page", micros(small));
        figures.add("of 1,000,000 messages", "µs of CPU per page", micros(large));
        figures.add("1,000,000 / 1,000", "", micros(large) / micros(small));
        figures.add("of 1,000 messages, answered in", "µs", micros(took_small));
        figures.add("of 1,000,000 messages, answered in", "µs", micros(took_large));
        progress(round, &figures);
    }
    figures.set_target("1,000,000 / 1,000", Target::AtMost(1.3));
    Ok(figures)
}

#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    cpu: Duration,
    took: Duration,
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.cpu += other.cpu;
        self.took += other.took;
    }
}

async fn walk(server: &Program, account: &Account) -> anyhow::Result<Cost> {
    let rest = Rest::new(server.address())?;
    let (before, begin) = (server.cpu()?, Instant::now());
    let mut cursor = String::new();
    for _ in 0..PAGES {
        let path = format!("/api/v1/conversations/1/messages?limit={PAGE}{cursor}");
        let page = rest.get(&path, &account.access).await?;
        ensure!(filled::items(&page) == PAGE, "a page is not full: {page}");
        if let Some(before) = page.get("before").and_then(serde_json::Value::as_str) {
            cursor = format!("&before={before}");
        }
    }
    Ok(Cost { cpu: server.cpu_since(before)?, took: begin.elapsed() })
}
