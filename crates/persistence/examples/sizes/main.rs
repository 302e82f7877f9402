//! What the same things cost in small and in large conversations.
//!
//! `cargo run -p persistence --example sizes` measures SQLite, and PostgreSQL if
//! `DATABASE_URL` names a server on which databases may be made. It prints a
//! table, and the same as JSON.
#![expect(clippy::print_stdout, reason = "that is what it is for")]
#![expect(clippy::unwrap_used, reason = "who measures wants to see why it failed")]

mod fill;
mod measure;

use std::sync::Arc;

use persistence::{PostgresChat, PostgresOptions, SqliteChat, SqliteOptions, migrate};
use testkit::{Fixture, ManualClock, TEST_TIMEOUT};

use crate::fill::{Raw, Size};
use crate::measure::{Medians, Room};

/// Small, and ten thousand times that, and a thousand times that.
const SIZES: [Size; 3] = [
    Size { messages: 1_000, members: 10 },
    Size { messages: 1_000_000, members: 10 },
    Size { messages: 1_000, members: 10_000 },
];

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let mut rooms = Vec::new();
    for (number, size) in SIZES.into_iter().enumerate() {
        let path = folder.path().join(format!("{number}.sqlite3"));
        migrate(&path, TEST_TIMEOUT).unwrap();
        let mut raw = Raw::sqlite(&path);
        let clock = Arc::new(ManualClock::default());
        let chat = SqliteChat::open(&path, clock.clone(), SqliteOptions::default()).unwrap();
        let stores = Fixture::over(Arc::new(chat), clock);
        rooms.push(Room { id: fill::fill(&stores, &mut raw, size).await, stores, size });
    }
    print("SQLite", &measure::all(&rooms).await);
    drop(rooms);
    if let Ok(server) = std::env::var("DATABASE_URL") {
        print("PostgreSQL", &measure::all(&postgres(&server).await).await);
    }
}

async fn postgres(server: &str) -> Vec<Room> {
    let mut rooms = Vec::new();
    let mut admin = Raw::postgres(server).await;
    for (number, size) in SIZES.into_iter().enumerate() {
        let name = format!("sizes_{}_{number}", std::process::id());
        admin.run(&format!("create database {name}")).await;
        let mut url = url::Url::parse(server).unwrap();
        url.set_path(&name);
        let clock = Arc::new(ManualClock::default());
        let options = PostgresOptions { connections: 4 };
        let chat = PostgresChat::open(url.as_str(), clock.clone(), options).await.unwrap();
        let stores = Fixture::over(Arc::new(chat), clock);
        let mut raw = Raw::postgres(url.as_str()).await;
        rooms.push(Room { id: fill::fill(&stores, &mut raw, size).await, stores, size });
    }
    rooms
}

fn print(database: &str, measured: &[(&'static str, Medians)]) {
    println!("\n{database}, medians in µs\n");
    println!("| | 10³ messages, 10 members | 10⁶ messages | ratio | 10,000 members | ratio |");
    println!("|---|---|---|---|---|---|");
    for (name, [small, long, wide]) in measured {
        let (by_messages, by_members) = (long / small, wide / small);
        println!(
            "| {name} | {small:.0} | {long:.0} | {by_messages:.2} | {wide:.0} | {by_members:.2} |"
        );
    }
    let rows: Vec<String> = measured
        .iter()
        .map(|(name, [small, long, wide])| {
            format!(r#"{{"what":"{name}","us":[{small:.0},{long:.0},{wide:.0}]}}"#)
        })
        .collect();
    println!("\n{{\"database\":\"{database}\",\"medians\":[{}]}}", rows.join(","));
}
