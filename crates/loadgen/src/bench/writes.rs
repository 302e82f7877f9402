//! The rate of messages that are stored and acknowledged.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use futures_util::future::try_join_all;
use hdrhistogram::Histogram;
use serde_json::json;
use tokio::sync::Barrier;
use tokio::time::sleep_until;

use super::{filled, progress};
use crate::Bench;
use crate::accounts::{self, Account, number};
use crate::clients::histogram;
use crate::figures::{Figures, Target, count};
use crate::program::Program;
use crate::wire::{Credentials, Rest, Sender, Socket, frame};

const WRITERS: usize = 256;
const IN_FLIGHT: usize = 16;
const CONVERSATIONS: usize = 64;
const SPAN: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Store {
    Sqlite,
    Postgres,
}

impl Store {
    /// The target, in messages per second.
    fn rate(self) -> f64 {
        match self {
            Self::Sqlite => 15_000.0,
            Self::Postgres => 6_000.0,
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Pacing {
    /// Sends the next message as soon as one is acknowledged.
    Saturating,
    /// Sends a message each time one is due, whether or not earlier ones are acknowledged.
    Paced(Duration),
}

/// Shared by all writers.
struct Work {
    pacing: Pacing,
    span: Duration,
    started: Instant,
    /// All writers wait here until every socket is open.
    opened: Barrier,
    next: Cell<usize>,
    acknowledged: Cell<u64>,
    latencies: RefCell<Histogram<u64>>,
}

pub(super) async fn measure(bench: &Bench, store: Store) -> anyhow::Result<Figures> {
    let span = bench.span(SPAN);
    let every = Duration::from_secs_f64(count(WRITERS as u64) / store.rate());
    let mut figures = Figures::default();
    for round in 0..bench.rounds {
        let full = Measurement::measure(bench, store, Pacing::Saturating, span).await?;
        let paced = Measurement::measure(bench, store, Pacing::Paced(every), span).await?;
        let rate = count(full.acknowledged) / span.as_secs_f64();
        figures.add("stored and acknowledged", "messages per second", rate);
        figures.add("CPU", "µs per message", full.micros_per_message());
        figures.add("batch", "messages on average", full.batch);
        figures.add("p50", "ms to the acknowledgement", full.milliseconds(0.5));
        figures.add("p99", "ms to the acknowledgement", full.milliseconds(0.99));
        figures.add("CPU at the target rate", "µs per message", paced.micros_per_message());
        figures.add("batch at the target rate", "messages on average", paced.batch);
        figures.add("p50 at the target rate", "ms from due", paced.milliseconds(0.5));
        figures.add("p99 at the target rate", "ms from due", paced.milliseconds(0.99));
        figures.add("p99.9 at the target rate", "ms from due", paced.milliseconds(0.999));
        progress(round, &figures);
    }
    figures.set_target("stored and acknowledged", Target::AtLeast(store.rate()));
    figures.set_target("p99 at the target rate", Target::AtMost(100.0));
    Ok(figures)
}

struct Measurement {
    acknowledged: u64,
    latencies: Histogram<u64>,
    cpu: Duration,
    batch: f64,
}

impl Measurement {
    /// With SQLite, in a new database.
    async fn measure(
        bench: &Bench,
        store: Store,
        pacing: Pacing,
        span: Duration,
    ) -> anyhow::Result<Self> {
        let folder = bench.folder()?;
        let mut env = Vec::new();
        if store == Store::Postgres {
            let url = bench
                .postgres
                .as_deref()
                .context("this row needs --postgres with an empty database")?;
            env.push(("DATABASE_URL", url));
        }
        let server = Program::server(&bench.server, folder.path(), &env).await?;
        let accounts = accounts::register(&server, WRITERS).await?;
        let conversations = conversations(&server, &accounts).await?;
        let writers: Vec<_> = accounts.iter().zip(conversations.iter().cycle().copied()).collect();
        let (Work { acknowledged, latencies, .. }, cpu) =
            write(&server, &writers, pacing, span).await?;
        let batch = batches(&server.stop().await?).context("no batches in the log")?;
        let (acknowledged, latencies) = (acknowledged.get(), latencies.into_inner());
        Ok(Self { acknowledged, latencies, cpu, batch })
    }

    fn micros_per_message(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / count(self.latencies.len())
    }

    fn milliseconds(&self, part: f64) -> f64 {
        count(self.latencies.value_at_quantile(part)) / 1000.0
    }
}

/// Groups of equal size.
async fn conversations(server: &Program, accounts: &[Account]) -> anyhow::Result<Vec<i64>> {
    let rest = Rest::new(server.address())?;
    let mut conversations = Vec::new();
    for n in 0..CONVERSATIONS {
        let mut members = accounts.iter().skip(n).step_by(CONVERSATIONS);
        let owner = members.next().context("no account")?;
        let members = try_join_all(members.map(|member| accounts::id_of(server, member))).await?;
        let body = json!({"title": format!("group {n}"), "members": members});
        let group = rest.post("/api/v1/conversations", Some(&owner.access), &body).await?;
        conversations.push(number(&group, "id")?);
    }
    Ok(conversations)
}

/// Returns what was acknowledged, and the server's processor time.
async fn write(
    server: &Program,
    writers: &[(&Account, i64)],
    pacing: Pacing,
    span: Duration,
) -> anyhow::Result<(Work, Duration)> {
    let open = writers.iter().map(|(account, _)| {
        Socket::open(server.address(), "/api/v1/ws", Credentials::Header(&account.access))
    });
    let sockets = try_join_all(open).await?;
    let work = Rc::new(Work {
        pacing,
        span,
        started: Instant::now(),
        opened: Barrier::new(writers.len() + 1),
        next: Cell::new(0),
        acknowledged: Cell::new(0),
        latencies: RefCell::new(histogram()?),
    });
    let writers =
        sockets.into_iter().zip(writers).enumerate().map(|(n, (socket, (_, conversation)))| {
            let writer = Writer {
                work: Rc::clone(&work),
                conversation: *conversation,
                in_flight: HashMap::new(),
                phase: count(n as u64) / count(WRITERS as u64),
            };
            let running = tokio::task::spawn_local(writer.run(socket));
            async { running.await? }
        });
    let before = async {
        work.opened.wait().await;
        server.cpu()
    };
    let (before, _) = tokio::try_join!(before, try_join_all(writers.collect::<Vec<_>>()))?;
    let cpu = server.cpu_since(before)?;
    Ok((Rc::into_inner(work).context("a writer is still running")?, cpu))
}

struct Writer {
    work: Rc<Work>,
    conversation: i64,
    /// When each unacknowledged message was due, by its number.
    in_flight: HashMap<usize, Instant>,
    /// Where within the interval this writer sends, 0 to 1.
    phase: f64,
}

impl Writer {
    async fn run(mut self, mut socket: Socket) -> anyhow::Result<()> {
        let sender = socket.sender();
        self.warm_up(&mut socket, &sender).await?;
        self.work.opened.wait().await;
        let begin = Instant::now();
        let end = begin + self.work.span;
        let mut due = match self.work.pacing {
            Pacing::Saturating => begin,
            Pacing::Paced(every) => begin + every.mul_f64(self.phase),
        };
        loop {
            let now = Instant::now();
            let mut frames = Vec::new();
            match self.work.pacing {
                Pacing::Saturating => {
                    while now < end && self.in_flight.len() < IN_FLIGHT {
                        frames.extend(self.next(now));
                    }
                }
                Pacing::Paced(every) => {
                    while due <= now && due < end {
                        frames.extend(self.next(due));
                        due += every;
                    }
                }
            }
            sender.write(&frames).await?;
            if now >= end && self.in_flight.is_empty() {
                return Ok(());
            }
            let mut answers = Vec::new();
            let received = socket.receive(|text| answers.extend(Answer::parse(text)));
            let is_open = match self.work.pacing {
                Pacing::Paced(_) if due < end => tokio::select! {
                    received = received => received?,
                    () = sleep_until(due.into()) => true,
                },
                _ => received.await?,
            };
            if !is_open {
                bail!("the server closed a writer's connection");
            }
            for answer in answers {
                self.note(answer, end)?;
            }
        }
    }

    /// One message that is not measured: its answer follows everything that opening the socket brings.
    async fn warm_up(&mut self, socket: &mut Socket, sender: &Sender) -> anyhow::Result<()> {
        sender.write(&self.next(Instant::now())).await?;
        let mut answers = Vec::new();
        while answers.is_empty() {
            if !socket.receive(|text| answers.extend(Answer::parse(text))).await? {
                bail!("the server closed a writer's connection");
            }
        }
        for answer in answers {
            self.take(answer)?;
        }
        Ok(())
    }

    fn next(&mut self, due: Instant) -> Vec<u8> {
        let n = self.work.next.replace(self.work.next.get() + 1);
        self.in_flight.insert(n, due);
        let (conversation, body) = (self.conversation, filled::text(n));
        // Scattered like random ids.
        let id =
            (n as u128 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835) ^ self.salt();
        let id = format!("{id:032x}");
        let id = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)]
            .map(|(from, to)| id.get(from..to).unwrap_or_default())
            .join("-");
        let frame = format!(
            r#"{{"type":"send","ref":"{n}","conversation":{conversation},"client_id":"{id}","body":"{body}"}}"#
        );
        frame::masked_text(frame.as_bytes())
    }

    /// Makes the ids of one run differ from those of another.
    fn salt(&self) -> u128 {
        let address = std::ptr::from_ref(&*self.work).addr() as u128;
        address << 64 | u128::from(self.work.started.elapsed().subsec_nanos())
    }

    /// Returns when the acknowledged message was due.
    fn take(&mut self, answer: Answer) -> anyhow::Result<Instant> {
        match answer {
            Answer::Acknowledged(n) => {
                self.in_flight.remove(&n).with_context(|| format!("{n} is acknowledged twice"))
            }
            Answer::Refused(problem) => bail!("refused: {problem}"),
        }
    }

    fn note(&mut self, answer: Answer, end: Instant) -> anyhow::Result<()> {
        let due = self.take(answer)?;
        let now = Instant::now();
        let took = u64::try_from(now.duration_since(due).as_micros()).unwrap_or(u64::MAX);
        self.work.latencies.borrow_mut().saturating_record(took);
        if now < end {
            self.work.acknowledged.set(self.work.acknowledged.get() + 1);
        }
        Ok(())
    }
}

enum Answer {
    Acknowledged(usize),
    Refused(String),
}

impl Answer {
    /// `None` for frames that are no answer.
    fn parse(text: &[u8]) -> Option<Self> {
        if text.starts_with(br#"{"type":"error""#) {
            return Some(Self::Refused(String::from_utf8_lossy(text).into_owned()));
        }
        let rest = text.strip_prefix(br#"{"type":"ack","ref":""#)?;
        let end = memchr::memchr(b'"', rest)?;
        let reference = std::str::from_utf8(rest.get(..end)?).ok()?;
        Some(Self::Acknowledged(reference.parse().ok()?))
    }
}

/// Messages per batch, as the server logs them at its end.
fn batches(log: &str) -> Option<f64> {
    let line = log.lines().rev().find(|line| line.contains(" batches"))?;
    let number = |key: &str| -> Option<f64> {
        let before = line.split_once(key)?.0;
        before.rsplit(' ').next()?.parse().ok()
    };
    Some(number(" intents")? / number(" batches")?)
}
