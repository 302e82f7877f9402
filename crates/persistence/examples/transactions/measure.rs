//! Measures both alternately, so that other load on the machine affects both alike.

use std::time::Instant;

use diesel::SqliteConnection;
use domain::{Intent, Outcome};
use testkit::Fixture;

use crate::workload::{Numbers, Rows, Workload};
use crate::{Options, postgres, sqlite};

/// Messages of a round, unless that takes more than [`TRANSACTIONS`].
const MESSAGES: usize = 12_800;
/// The most transactions of a round.
const TRANSACTIONS: usize = 400;

pub(crate) enum Raw {
    Sqlite(SqliteConnection),
    Postgres(postgres::Statements),
}

/// Per message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
}

/// The rounds of one batch size: through the port, and in raw SQL.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) batch: usize,
    pub(crate) rounds: Vec<(Cost, Cost)>,
}

pub(crate) async fn all(
    options: &Options,
    stores: &Fixture,
    mut raw: Raw,
    mut workload: Workload,
) -> Vec<Measured> {
    let mut numbers = Numbers::default();
    let mut measured = Vec::new();
    for &batch in &options.batches {
        let mut rounds = Vec::new();
        // Round 0 warms up.
        for round in 0..=options.rounds {
            let count = (MESSAGES / batch).clamp(1, TRANSACTIONS);
            let batches: Vec<_> = (0..count).map(|_| workload.batch(batch)).collect();
            let rows: Vec<_> = batches.iter().map(|batch| numbers.rows(batch)).collect();
            let messages = count * batch;
            // Each goes first in every second round.
            let costs = if round % 2 == 0 {
                let port = through_port(stores, batches, messages).await;
                (port, in_raw_sql(&mut raw, &rows, messages).await)
            } else {
                let raw = in_raw_sql(&mut raw, &rows, messages).await;
                (through_port(stores, batches, messages).await, raw)
            };
            eprintln!("batches of {batch}, round {round}: {costs:?}");
            if round > 0 {
                rounds.push(costs);
            }
        }
        measured.push(Measured { batch, rounds });
    }
    measured
}

async fn through_port(stores: &Fixture, batches: Vec<Vec<Intent>>, messages: usize) -> Cost {
    let meter = Meter::start();
    for batch in batches {
        let answers = stores.conversations.commit(batch).await.unwrap();
        assert!(answers.iter().all(|answer| matches!(answer, Ok(Outcome::Applied(_)))));
    }
    meter.cost(messages)
}

async fn in_raw_sql(raw: &mut Raw, batches: &[Rows], messages: usize) -> Cost {
    let meter = Meter::start();
    for rows in batches {
        match raw {
            Raw::Sqlite(connection) => sqlite::write(connection, rows),
            Raw::Postgres(statements) => statements.write(rows).await,
        }
    }
    meter.cost(messages)
}

struct Meter {
    start: Instant,
    cpu: f64,
}

impl Meter {
    fn start() -> Self {
        Self { start: Instant::now(), cpu: cpu_seconds() }
    }

    fn cost(&self, messages: usize) -> Cost {
        let messages = f64::from(u32::try_from(messages).unwrap());
        Cost {
            seconds: self.start.elapsed().as_secs_f64() / messages,
            cpu_seconds: (cpu_seconds() - self.cpu) / messages,
        }
    }
}

/// Of all threads of this process, on Linux; 0 elsewhere.
fn cpu_seconds() -> f64 {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return 0.0 };
    let of_thread = |thread: std::io::Result<std::fs::DirEntry>| {
        let spent = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        spent.split(' ').next()?.parse::<f64>().ok()
    };
    threads.filter_map(of_thread).sum::<f64>() / 1e9
}
