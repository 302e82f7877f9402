//! How fast batches of sends are committed, beside the same transactions in raw SQL:
//! what they write, with nothing read and nothing judged.
//!
//! `cargo run --release -p persistence --example transactions` measures SQLite, and
//! PostgreSQL if `DATABASE_URL` names a server on which databases may be made. It
//! prints a table, or with `--json` one object; `--rounds N` and `--batches N,N` say how much.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "that is what it is for")]
#![expect(clippy::unwrap_used, reason = "who measures wants to see why it failed")]

mod measure;
mod postgres;
mod report;
mod rows;
mod sqlite;
mod world;

use std::sync::Arc;

use persistence::{PostgresChat, PostgresOptions, SqliteChat, SqliteOptions};
use testkit::{Fixture, ManualClock};

use crate::measure::{Measured, Raw};
use crate::world::World;

/// What is asked for.
#[derive(Debug)]
struct Wanted {
    rounds: usize,
    batches: Vec<usize>,
    json: bool,
}

impl Wanted {
    fn of(arguments: impl Iterator<Item = String>) -> Self {
        let mut wanted = Self { rounds: 5, batches: vec![1, 16, 64, 256], json: false };
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--json" => wanted.json = true,
                "--rounds" => wanted.rounds = arguments.next().unwrap().parse().unwrap(),
                "--batches" => {
                    let list = arguments.next().unwrap();
                    wanted.batches = list.split(',').map(|size| size.parse().unwrap()).collect();
                }
                other => panic!("no such option: {other}"),
            }
        }
        wanted
    }
}

#[tokio::main]
async fn main() {
    let wanted = Wanted::of(std::env::args().skip(1));
    let mut databases = vec![("SQLite", sqlite(&wanted).await)];
    if let Ok(server) = std::env::var("DATABASE_URL") {
        databases.push(("PostgreSQL", postgres(&wanted, &server).await));
    }
    if wanted.json {
        println!("{}", report::json(&databases));
    } else {
        report::tables(&databases);
    }
}

async fn sqlite(wanted: &Wanted) -> Vec<Measured> {
    // Here, and not where temporary files are: those may be kept in memory.
    let folder = tempfile::tempdir_in(".").unwrap();
    let open = |name: &str| {
        let clock = Arc::new(ManualClock::default());
        let path = folder.path().join(name);
        let chat = SqliteChat::open(&path, clock.clone(), SqliteOptions::default()).unwrap();
        (path, Fixture::over(Arc::new(chat), clock))
    };
    let (_, stores) = open("commit.sqlite3");
    let (path, filler) = open("raw.sqlite3");
    let world = World::fill(&stores).await;
    assert_eq!(world, World::fill(&filler).await, "the same in both");
    drop(filler);
    measure::all(wanted, &stores, Raw::Sqlite(sqlite::connect(&path)), world).await
}

async fn postgres(wanted: &Wanted, server: &str) -> Vec<Measured> {
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
        opened.push((World::fill(&stores).await, stores, url, name));
    }
    let [(world, stores, ..), (same, _, url, _)] = &*opened else { unreachable!() };
    assert_eq!(world, same, "the same in both");
    let raw = postgres::Statements::prepare(postgres::connect(url.as_str()).await).await;
    let measured = measure::all(wanted, stores, Raw::Postgres(raw), world.clone()).await;
    for (_, stores, _, name) in opened {
        drop(stores);
        admin.batch_execute(&format!("drop database {name} with (force)")).await.unwrap();
    }
    measured
}
