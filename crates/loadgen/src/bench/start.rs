//! The time from start to ready.

use super::{filled, progress};
use crate::Bench;
use crate::figures::{Figures, Target};

const MANY: usize = 1_000_000;

pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Figures> {
    // Warm-up, not counted.
    filled::server(bench, bench.count(MANY), &[]).await?.stop().await?;
    let mut figures = Figures::default();
    for round in 0..bench.rounds {
        let server = filled::server(bench, bench.count(MANY), &[]).await?;
        figures.add("start", "ms", server.start.as_secs_f64() * 1e3);
        server.stop().await?;
        progress(round, &figures);
    }
    figures.set_target("start", Target::AtMost(300.0));
    Ok(figures)
}
