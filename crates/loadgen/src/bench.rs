//! The rows of docs/performance.md.

mod attacks;
mod churn;
mod connect;
mod fan_out;
mod filled;
mod idle;
mod page;
mod sign_ins;
mod sizes;
mod start;
mod writes;

use std::fmt;
use std::fs;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::LocalSet;

use crate::Bench;
use crate::clients::Load;
use crate::figures::Figures;
use crate::report;
use fan_out::Scenario;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Row {
    Lone,
    Busy,
    LoneV1,
    BusyV1,
    Nodes,
    Idle,
    Writes,
    WritesPostgres,
    Connect,
    Churn,
    Page,
    Sizes,
    SignIns,
    Attacks,
    Start,
}

impl Row {
    pub(crate) fn what(self) -> &'static str {
        match self {
            Self::Lone => "1,000 sockets in the lobby, one message per 400 ms in all",
            Self::Busy => "1,000 sockets in the lobby, 200 messages per second in all",
            Self::LoneV1 => "the same as lone on the socket of v1",
            Self::BusyV1 => "the same as busy on the socket of v1",
            Self::Nodes => "the same as lone, half of the sockets at each of two nodes",
            Self::Idle => "10,000 sockets that got a full history, pinged every 25 s",
            Self::Writes => {
                "256 writers on v1 with 16 messages in flight, 64 conversations, SQLite"
            }
            Self::WritesPostgres => "the same as writes, PostgreSQL",
            Self::Connect => "1,000 sockets connecting at once",
            Self::Churn => "100 sockets that connect, get 500 messages and disconnect, for 10 min",
            Self::Page => "a page of 50 messages",
            Self::Sizes => "the same requests in small and large conversations",
            Self::SignIns => "signing in while other clients send",
            Self::Attacks => "eight ordinary users, and hostile clients of one more",
            Self::Start => "from the start to ready, 1,000,000 messages",
        }
    }

    async fn measure(self, bench: &Bench) -> anyhow::Result<Figures> {
        match self {
            Self::Lone => fan_out::measure(bench, &Scenario::LONE).await,
            Self::Busy => fan_out::measure(bench, &Scenario::BUSY).await,
            Self::LoneV1 => fan_out::measure(bench, &Scenario::LONE_V1).await,
            Self::BusyV1 => fan_out::measure(bench, &Scenario::BUSY_V1).await,
            Self::Nodes => fan_out::measure(bench, &Scenario::NODES).await,
            Self::Idle => idle::measure(bench).await,
            Self::Writes => writes::measure(bench, writes::Store::Sqlite).await,
            Self::WritesPostgres => writes::measure(bench, writes::Store::Postgres).await,
            Self::Connect => connect::measure(bench).await,
            Self::Churn => churn::measure(bench).await,
            Self::Page => page::measure(bench).await,
            Self::Sizes => sizes::measure(bench).await,
            Self::SignIns => sign_ins::measure(bench).await,
            Self::Attacks => attacks::measure(bench).await,
            Self::Start => start::measure(bench).await,
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

/// Measures the rows and prints them. Fails if one could not be measured.
pub(crate) fn run(bench: &Bench) -> anyhow::Result<()> {
    raise_file_limit()?;
    let rows = if bench.rows.is_empty() { Row::value_variants() } else { &bench.rows };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut measured = Vec::new();
    let mut failed = Vec::new();
    for row in rows {
        report::progress(&format!("{row}: {}", row.what()));
        // A set of tasks for each row, so that its tasks end with it.
        match LocalSet::new().block_on(&runtime, row.measure(bench)) {
            Ok(figures) => {
                report::print(&report::table(*row, &figures))?;
                measured.push(report::json(*row, &figures));
            }
            Err(error) => {
                report::progress(&format!("{row}: not measured: {error:#}"));
                failed.push(row.to_string());
            }
        }
    }
    if let Some(path) = &bench.json {
        fs::write(path, format!("{:#}\n", Value::from(measured)))
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    if !failed.is_empty() {
        bail!("not measured: {}", failed.join(", "));
    }
    Ok(())
}

impl Bench {
    fn count(&self, whole: usize) -> usize {
        (whole / self.divide.get() as usize).max(1)
    }

    fn load(&self, whole: Load) -> Load {
        Load { count: (whole.count / self.divide).max(1), ..whole }
    }

    /// A temporary folder beside those that are kept: the system's may be in memory, where nothing is forced to disk.
    fn folder(&self) -> anyhow::Result<TempDir> {
        fs::create_dir_all(&self.filled)?;
        Ok(TempDir::new_in(fs::canonicalize(&self.filled)?)?)
    }

    fn span(&self, whole: Duration) -> Duration {
        whole / self.divide.get()
    }
}

/// Raises the limit of open files as far as the system allows.
pub(crate) fn raise_file_limit() -> anyhow::Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    Ok(())
}

fn progress(round: usize, figures: &Figures) {
    report::progress(&format!("  round {}: {}", round + 1, figures.latest()));
}
