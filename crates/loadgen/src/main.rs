//! The program `loadgen`: a client like any other, in great numbers. It starts
//! the servers that it measures, and speaks to them by the wire alone.

mod bench;
mod crowd;
mod figures;
mod floor;
mod people;
mod program;
mod report;
mod wire;

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(about = "Load for online-chat, and what it costs the server")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures rows of docs/performance.md, beside the floor; all of them if none is named
    Bench(Bench),
    /// The floor: frames what it hears once, writes it to every socket with one write each, and keeps nothing
    #[command(hide = true)]
    Floor {
        /// Where it listens
        address: std::net::SocketAddr,
    },
}

#[derive(Debug, clap::Args)]
struct Bench {
    /// Which rows
    rows: Vec<bench::Row>,
    /// The server to be measured
    #[arg(long, default_value = "target/release/online-chat")]
    server: PathBuf,
    /// How often each row is measured; the median counts
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Divides how many and how long by this, to try it out: what is wanted then means nothing
    #[arg(long, default_value_t = NonZeroU32::MIN)]
    divide: NonZeroU32,
    /// Folder of the filled databases, which are kept: they take minutes to fill
    #[arg(long, default_value = "target/bench")]
    filled: PathBuf,
    /// An empty PostgreSQL database, for the rows that need one
    #[arg(long, env = "TEST_POSTGRES_URL")]
    postgres: Option<String>,
    /// A Redis, for the row of two nodes
    #[arg(long, env = "TEST_REDIS_URL")]
    redis: Option<String>,
    /// Writes the figures as JSON to this file as well
    #[arg(long)]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    let ended = match Cli::parse().command {
        Command::Bench(asked) => bench::run(&asked),
        Command::Floor { address } => floor::run(address),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::say(&format!("loadgen: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
