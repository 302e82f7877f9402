//! The program `loadgen`: a load generator. It starts the servers that it measures, and uses only their public API.

mod accounts;
mod baseline;
mod bench;
mod clients;
mod figures;
mod program;
mod report;
mod wire;

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(about = "Generates load for online-chat and measures what it costs the server")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures rows of docs/performance.md, and a baseline; all rows if none is named
    Bench(Bench),
    /// The baseline: encodes each frame once and writes it to every socket with one write
    #[command(hide = true)]
    Baseline {
        /// Address to listen on
        address: std::net::SocketAddr,
    },
}

#[derive(Debug, clap::Args)]
struct Bench {
    /// Rows to measure
    rows: Vec<bench::Row>,
    /// The server to measure
    #[arg(long, default_value = "target/release/online-chat")]
    server: PathBuf,
    /// Rounds per row; the median counts
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Divides counts and durations by this, for a trial run: the targets then mean nothing
    #[arg(long, default_value_t = NonZeroU32::MIN)]
    divide: NonZeroU32,
    /// Folder of the filled databases, which are kept because filling takes minutes
    #[arg(long, default_value = "target/bench")]
    filled: PathBuf,
    /// An empty PostgreSQL database, for the rows that need one
    #[arg(long, env = "TEST_POSTGRES_URL")]
    postgres: Option<String>,
    /// A Redis, for the row of two nodes
    #[arg(long, env = "TEST_REDIS_URL")]
    redis: Option<String>,
    /// Also writes the figures to this file, as JSON
    #[arg(long)]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Bench(bench) => bench::run(&bench),
        Command::Baseline { address } => baseline::run(address),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::progress(&format!("loadgen: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
