//! How fast batches of sends are committed, beside the same without an index of
//! their words, and the same rows in plain SQL:
//! `cargo run --release -p persistence --example commit_rate`.
#![expect(clippy::unwrap_used, reason = "a panic is how a measurement fails")]
#![expect(clippy::print_stdout, reason = "it is run for what it prints")]

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use application::ports::{AccountStore, ConversationStore};
use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use domain::{ConversationId, Intent, UserId};
use persistence::{SqliteChat, SqliteOptions, migrate};
use testkit::ManualClock;
use testkit::values::{new_account, send};

const MESSAGES: u128 = 25_600;
const ROUNDS: usize = 5;
const SENDERS: u128 = 50;

/// Spread over the whole range, as random ones are.
fn client_id(n: u128) -> u128 {
    n.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)
}

fn text(n: u128) -> String {
    let words = (0..20).map(|place| format!("{:05}", client_id(n * 20 + place) % 20_000));
    words.collect::<Vec<_>>().join(" ")
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for batch in [1, 64, 256] {
        let messages = MESSAGES.min(batch * 400);
        let folder = tempfile::tempdir_in(".").unwrap();
        let (mut through_port, mut wordless, mut plain) =
            (Duration::MAX, Duration::MAX, Duration::MAX);
        // By turns, so that whatever else the machine does falls on both.
        for round in 0..ROUNDS {
            let path = |kind| folder.path().join(format!("{kind}{round}.sqlite3"));
            through_port =
                through_port.min(runtime.block_on(commits(&path("port"), messages, batch)));
            let path_without = path("wordless");
            migrate(&path_without, SqliteOptions::default().busy_timeout).unwrap();
            forget_words(&mut SqliteConnection::establish(path_without.to_str().unwrap()).unwrap());
            wordless = wordless.min(runtime.block_on(commits(&path_without, messages, batch)));
            plain = plain.min(plain_sql(&path("plain"), messages, batch));
        }
        println!(
            "batches of {batch}: {:.1} µs a message through the port, {:.1} µs without words, {:.1} µs in plain SQL, ratios {:.2} and {:.2}",
            micros(through_port, messages),
            micros(wordless, messages),
            micros(plain, messages),
            through_port.as_secs_f64() / wordless.as_secs_f64(),
            wordless.as_secs_f64() / plain.as_secs_f64(),
        );
    }
}

fn micros(time: Duration, messages: u128) -> f64 {
    time.as_secs_f64() * 1e6 / f64::from(u32::try_from(messages).unwrap())
}

async fn commits(path: &Path, messages: u128, batch: u128) -> Duration {
    let clock = Arc::new(ManualClock::default());
    let chat = SqliteChat::open(path, clock, SqliteOptions::default()).unwrap();
    let mut senders: Vec<UserId> = Vec::new();
    for n in 0..SENDERS {
        let new = new_account(&format!("user{n}"));
        senders.push(AccountStore::create(&chat, new).await.unwrap().id);
    }
    let mut sends = (0..messages).map(|n| {
        let sender = senders.get(usize::try_from(n % SENDERS).unwrap()).unwrap();
        send(ConversationId::LOBBY, *sender, client_id(n), &text(n))
    });
    let batches: Vec<Vec<Intent>> = (0..messages / batch)
        .map(|_| sends.by_ref().take(usize::try_from(batch).unwrap()).collect())
        .collect();
    let start = Instant::now();
    for batch in batches {
        let answers = chat.commit(batch).await.unwrap();
        assert!(answers.iter().all(Result::is_ok));
    }
    let time = start.elapsed();
    chat.close().await.unwrap();
    time
}

fn forget_words(connection: &mut SqliteConnection) {
    connection.batch_execute("drop trigger messages_find_new").unwrap();
}

/// The same rows, written out beforehand: no facts, no rules, no hashes.
fn plain_sql(path: &Path, messages: u128, batch: u128) -> Duration {
    migrate(path, SqliteOptions::default().busy_timeout).unwrap();
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    connection
        .batch_execute(
            "pragma synchronous = full; pragma foreign_keys = on; pragma cache_size = -65536;
             pragma wal_autocheckpoint = 4000",
        )
        .unwrap();
    forget_words(&mut connection);
    for n in 1..=SENDERS {
        let sql = format!(
            "insert into accounts \
             (id, username, password, active, superuser, valid_from, auth_version, created_at) \
             values ({n}, 'user{n}', 'x', 1, 0, 0, 0, 0)"
        );
        connection.batch_execute(&sql).unwrap();
    }
    let batches: Vec<String> = (0..messages / batch).map(|part| statements(part, batch)).collect();
    let start = Instant::now();
    for sql in batches {
        connection.batch_execute(&sql).unwrap();
    }
    start.elapsed()
}

fn statements(part: u128, batch: u128) -> String {
    let mut sql = "begin immediate; insert into messages values ".to_owned();
    let last = (part + 1) * batch;
    for n in part * batch + 1..=last {
        let comma = if n == last { ";" } else { "," };
        write!(
            sql,
            "({n}, 1, {n}, {n}, {n}, {sender}, x'{client_id:032x}', x'{hash:064x}', '{text}', {n}, null, null, null, 0, '', '', null){comma}",
            sender = n % SENDERS + 1,
            client_id = client_id(n),
            hash = client_id(n + 1),
            text = text(n),
        )
        .unwrap();
    }
    write!(
        sql,
        "update conversation_heads set seq = {last}, msg_no = {last}, last_at = {last} where conversation_id = 1; commit;"
    )
    .unwrap();
    sql
}
