//! The speed of `commit` for batches of messages, compared with raw SQL that writes the same rows
//! but reads and decides nothing.
//!
//! `cargo run --release -p persistence --example transactions` measures SQLite, and
//! PostgreSQL if `DATABASE_URL` names a server on which it may create databases. It prints a table, or
//! with `--json` one object. `--rounds N` and `--batches N,N` set the amount of work.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it reports on the terminal")]
#![expect(clippy::unwrap_used, reason = "a panic shows what failed")]

mod measure;
mod postgres;
mod report;
mod sqlite;
mod workload;

use std::sync::Arc;

use persistence::{PostgresChat, PostgresOptions, SqliteChat, SqliteOptions};
use testkit::{Fixture, ManualClock};

use crate::measure::{Measured, Raw};
use crate::workload::Workload;

#[derive(Debug)]
struct Options {
    rounds: usize,
    batches: Vec<usize>,
    json: bool,
}

impl Options {
    fn of(arguments: impl Iterator<Item = String>) -> Self {
        let mut options = Self { rounds: 5, batches: vec![1, 16, 64, 256], json: false };
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--json" => options.json = true,
                "--rounds" => options.rounds = arguments.next().unwrap().parse().unwrap(),
                "--batches" => {
                    let list = arguments.next().unwrap();
                    options.batches = list.split(',').map(|size| size.parse().unwrap()).collect();
                }
                other => panic!("no such option: {other}"),
            }
        }
        options
    }
}

#[tokio::main]
async fn main() {
    let options = Options::of(std::env::args().skip(1));
    let mut databases = vec![("SQLite", sqlite(&options).await)];
    if let Ok(server) = std::env::var("DATABASE_URL") {
        databases.push(("PostgreSQL", postgres(&options, &server).await));
    }
    if options.json {
        println!("{}", report::json(&databases));
    } else {
        report::tables(&databases);
    }
}

async fn sqlite(options: &Options) -> Vec<Measured> {
    // In the current folder, because the one for temporary files may be in memory.
    let folder = tempfile::tempdir_in(".").unwrap();
    let open = |name: &str| {
        let clock = Arc::new(ManualClock::default());
        let path = folder.path().join(name);
        let chat = SqliteChat::open(&path, clock.clone(), SqliteOptions::default()).unwrap();
        (path, Fixture::over(Arc::new(chat), clock))
    };
    let (_, stores) = open("commit.sqlite3");
    let (path, filler) = open("raw.sqlite3");
    let workload = Workload::fill(&stores).await;
    assert_eq!(workload, Workload::fill(&filler).await, "both databases hold the same");
    drop(filler);
    measure::all(options, &stores, Raw::Sqlite(sqlite::connect(&path)), workload).await
}

async fn postgres(options: &Options, server: &str) -> Vec<Measured> {
    let admin = postgres::connect(server).await;
    let mut opened = Vec::new();
    for kind in ["commit", "raw"] {
        let name = format!("transactions_{}_{kind}", std::process::id());
        admin.batch_execute(&format!("create database {name}")).await.unwrap();
        let mut url = url::Url::parse(server).unwrap();
        url.set_path(&name);
        let clock = Arc::new(ManualClock::default());
        let options = PostgresOptions { connections: 2 };
        let chat = PostgresChat::open(url.as_str(), clock.clone(), options).await.unwrap();
        let stores = Fixture::over(Arc::new(chat), clock);
        opened.push((Workload::fill(&stores).await, stores, url, name));
    }
    let [(workload, stores, ..), (same, _, url, _)] = &*opened else { unreachable!() };
    assert_eq!(workload, same, "both databases hold the same");
    let raw = postgres::Statements::prepare(postgres::connect(url.as_str()).await).await;
    let measured = measure::all(options, stores, Raw::Postgres(raw), workload.clone()).await;
    for (_, stores, _, name) in opened {
        drop(stores);
        admin.batch_execute(&format!("drop database {name} with (force)")).await.unwrap();
    }
    measured
}
