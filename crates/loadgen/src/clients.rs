//! Many clients that receive, and send in turn.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use hdrhistogram::Histogram;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{sleep, sleep_until, timeout};

use crate::accounts::Account;
use crate::wire::{Credentials, Sender, Socket};

const TIMEOUT: Duration = Duration::from_mins(2);
/// Without a frame for this long, the clients are idle.
const IDLE: Duration = Duration::from_millis(400);
/// Precedes the time at which a message was due, in µs since the clients connected.
const STAMP: &[u8] = b"due=";
const STAMP_DIGITS: usize = 12;
/// Messages of different clients may be reordered by up to this.
const OUT_OF_ORDER: usize = 32;
const MESSAGE_BYTES: usize = 120;

/// What clients connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// The lobby, as the React client uses it.
    Compat,
    /// The lobby on the socket of v1.
    V1,
    Baseline,
}

/// Clients of one or more servers.
#[derive(Debug)]
pub(crate) struct Clients {
    endpoint: Endpoint,
    senders: Vec<Sender>,
    stats: Rc<Stats>,
    readers: Vec<JoinHandle<()>>,
}

/// How many messages are sent, and how often.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Load {
    pub(crate) count: u32,
    pub(crate) every: Duration,
}

/// What the clients received.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) deliveries: u64,
    /// From the time a message was due until a client received it, in µs.
    pub(crate) latencies: Histogram<u64>,
}

/// The messages of one measurement, and when they are due.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    number: u32,
    /// Since the stats began.
    begin: Duration,
    load: Load,
}

impl Run {
    /// The number of a message by its stamp; `None` if it belongs to another run.
    fn message(self, due: u64) -> Option<usize> {
        let since = Duration::from_micros(due + 1).checked_sub(self.begin)?;
        let number = since.as_nanos().checked_div(self.load.every.as_nanos())?;
        usize::try_from(number).ok().filter(|number| *number < self.load.count as usize)
    }
}

#[derive(Debug)]
struct Stats {
    began: Instant,
    /// Texts of any kind.
    texts: Cell<u64>,
    /// Clients that have got their history.
    ready: Cell<usize>,
    run: Cell<Run>,
    deliveries: Cell<u64>,
    latencies: RefCell<Histogram<u64>>,
    /// A recent delivery, as a template for the baseline.
    sample: RefCell<Vec<u8>>,
    error: RefCell<Option<anyhow::Error>>,
    changed: Notify,
}

impl Clients {
    /// Connects `sockets` clients, `at_once` at a time, and waits until each has its history.
    pub(crate) async fn open(
        endpoint: Endpoint,
        addresses: &[SocketAddr],
        accounts: &[Account],
        sockets: usize,
        at_once: usize,
    ) -> anyhow::Result<Self> {
        let stats = Rc::new(Stats {
            began: Instant::now(),
            texts: Cell::default(),
            ready: Cell::default(),
            run: Cell::default(),
            deliveries: Cell::default(),
            latencies: RefCell::new(histogram()?),
            sample: RefCell::default(),
            error: RefCell::default(),
            changed: Notify::new(),
        });
        let connecting = addresses.iter().cycle().zip(accounts.iter().cycle()).take(sockets);
        let each = connecting.map(|(address, account)| {
            let stats = Rc::clone(&stats);
            async move {
                let socket = connect(endpoint, *address, account).await?;
                let sender = socket.sender();
                anyhow::Ok((sender, tokio::task::spawn_local(receive_all(endpoint, socket, stats))))
            }
        });
        let connected: Vec<_> = stream::iter(each).buffer_unordered(at_once).try_collect().await?;
        let (senders, readers) = connected.into_iter().unzip();
        let clients = Self { endpoint, senders, stats, readers };
        if endpoint != Endpoint::Baseline {
            clients
                .until("a history for every client", |stats| stats.ready.get() >= sockets)
                .await?;
        }
        Ok(clients)
    }

    pub(crate) fn sockets(&self) -> usize {
        self.senders.len()
    }

    /// A frame of the server, for the baseline to send.
    pub(crate) fn sample(&self) -> Vec<u8> {
        self.stats.sample.borrow().clone()
    }

    /// Waits until no frame has come for [`IDLE`].
    pub(crate) async fn until_idle(&self) -> anyhow::Result<()> {
        let mut before = self.stats.texts.get();
        let wait = async {
            loop {
                sleep(IDLE).await;
                let now = self.stats.texts.get();
                if now == before {
                    return;
                }
                before = now;
            }
        };
        timeout(TIMEOUT, wait).await.context("the clients do not become idle")
    }

    /// Sends each message when it is due, whether or not earlier ones have arrived, and from one client after the
    /// other. Waits until every client has every message. `template` is a frame whose stamp is replaced.
    pub(crate) async fn send_messages(
        &self,
        load: Load,
        template: Option<&[u8]>,
    ) -> anyhow::Result<Outcome> {
        let stats = &self.stats;
        stats.deliveries.set(0);
        stats.latencies.borrow_mut().reset();
        let begin = Instant::now();
        let run = Run {
            number: stats.run.get().number + 1,
            begin: begin.duration_since(stats.began),
            load,
        };
        stats.run.set(run);
        for n in 0..load.count {
            let due = begin + load.every * n;
            sleep_until(due.into()).await;
            let text = stamped(template, due.duration_since(stats.began));
            let sender = self.senders.get(n as usize % self.senders.len()).context("no client")?;
            match self.endpoint {
                Endpoint::V1 => sender.send(&send_frame(n, &text)).await?,
                Endpoint::Compat | Endpoint::Baseline => sender.send(&text).await?,
            }
        }
        let expected = u64::from(load.count) * self.senders.len() as u64;
        self.until("every message at every client", |stats| stats.deliveries.get() >= expected)
            .await?;
        Ok(Outcome { deliveries: expected, latencies: stats.latencies.borrow().clone() })
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Stats) -> bool) -> anyhow::Result<()> {
        let wait = async {
            loop {
                let changed = self.stats.changed.notified();
                if let Some(error) = self.stats.error.take() {
                    return Err(error);
                }
                if is_so(&self.stats) {
                    return Ok(());
                }
                changed.await;
            }
        };
        let timed_out = || {
            let Stats { ready, deliveries, .. } = &*self.stats;
            anyhow!(
                "{what}: not within {TIMEOUT:?} ({} histories, {} deliveries)",
                ready.get(),
                deliveries.get()
            )
        };
        timeout(TIMEOUT, wait).await.unwrap_or_else(|_| Err(timed_out()))
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        for reader in &self.readers {
            reader.abort();
        }
    }
}

async fn connect(
    endpoint: Endpoint,
    address: SocketAddr,
    account: &Account,
) -> anyhow::Result<Socket> {
    let Account { access, compat, .. } = account;
    match endpoint {
        Endpoint::Compat => Socket::open(address, "/ws/chat/", Credentials::Query(compat)).await,
        Endpoint::V1 => {
            let socket = Socket::open(address, "/api/v1/ws", Credentials::Header(access)).await?;
            socket.sender().send(br#"{"type":"subscribe","ref":"open","conversation":1}"#).await?;
            Ok(socket)
        }
        Endpoint::Baseline => Socket::open(address, "/", Credentials::None).await,
    }
}

async fn receive_all(endpoint: Endpoint, mut socket: Socket, stats: Rc<Stats>) {
    let mut seen = Seen::default();
    loop {
        let received = socket.receive(|text| stats.note(endpoint, text, &mut seen)).await;
        match received {
            Ok(true) => {}
            Ok(false) => return stats.fail(anyhow!("the server closed a connection")),
            Err(error) => return stats.fail(error),
        }
    }
}

/// The messages of a run that a client has.
#[derive(Debug, Default)]
struct Seen {
    run: u32,
    messages: Vec<bool>,
}

impl Seen {
    /// Whether the message is new, and when it was due; `None` if it belongs to another run.
    fn add(&mut self, run: Run, text: &[u8]) -> Option<(bool, u64)> {
        let due = stamp(text)?;
        let number = run.message(due)?;
        if self.run != run.number {
            *self = Self { run: run.number, messages: vec![false; run.load.count as usize] };
        }
        let had = std::mem::replace(self.messages.get_mut(number)?, true);
        Some((!had, due))
    }
}

impl Stats {
    fn note(&self, endpoint: Endpoint, text: &[u8], seen: &mut Seen) {
        self.texts.set(self.texts.get() + 1);
        let (history, delivery): (&[u8], &[u8]) = match endpoint {
            Endpoint::Compat => (br#"{"type":"message_history""#, br#"{"type":"chat_message""#),
            // It has no history, and relays any frame.
            Endpoint::Baseline => (b"nothing", b""),
            Endpoint::V1 => (br#"{"type":"changes""#, br#"{"type":"event""#),
        };
        if text.starts_with(history) || text.starts_with(br#"{"type":"reset""#) {
            self.ready.set(self.ready.get() + 1);
            self.changed.notify_waiters();
            self.note_history(text, seen);
        } else if text.starts_with(delivery)
            && let Some((is_new, due)) = seen.add(self.run.get(), text)
        {
            if !is_new {
                self.fail(anyhow!(
                    "a message was delivered twice: {}",
                    String::from_utf8_lossy(text)
                ));
            }
            self.deliver(due);
            if self.deliveries.get().is_multiple_of(self.sampled_every()) {
                text.clone_into(&mut self.sample.borrow_mut());
            }
        }
    }

    /// Counts the messages at the end of a history that the client did not get one by one.
    fn note_history(&self, history: &[u8], seen: &mut Seen) {
        let mut known = 0;
        for at in memchr::memmem::rfind_iter(history, STAMP) {
            match seen.add(self.run.get(), history.get(at..).unwrap_or_default()) {
                Some((true, due)) => self.deliver(due),
                Some((false, _)) if known < OUT_OF_ORDER => known += 1,
                _ => return,
            }
        }
    }

    fn deliver(&self, due: u64) {
        let now = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.latencies.borrow_mut().saturating_record(now.saturating_sub(due));
        self.deliveries.set(self.deliveries.get() + 1);
        self.changed.notify_waiters();
    }

    /// Rarely, so that copying samples adds no load.
    fn sampled_every(&self) -> u64 {
        if self.sample.borrow().is_empty() { 1 } else { 1 << 16 }
    }

    fn fail(&self, error: anyhow::Error) {
        self.error.replace(Some(error));
        self.changed.notify_waiters();
    }
}

pub(crate) fn histogram() -> anyhow::Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, 600_000_000, 3)?)
}

/// A message, or the template, stamped with the time at which it is due.
fn stamped(template: Option<&[u8]>, due: Duration) -> Vec<u8> {
    let stamp = format!("due={:0STAMP_DIGITS$}", due.as_micros());
    let Some(template) = template else { return format!("{stamp:x<MESSAGE_BYTES$}").into_bytes() };
    let mut text = template.to_vec();
    let found = memchr::memmem::find(&text, STAMP);
    if let Some(found) = found.and_then(|at| text.get_mut(at..at + stamp.len())) {
        found.copy_from_slice(stamp.as_bytes());
    }
    text
}

fn stamp(text: &[u8]) -> Option<u64> {
    let at = memchr::memmem::find(text, STAMP)? + STAMP.len();
    std::str::from_utf8(text.get(at..at + STAMP_DIGITS)?).ok()?.parse().ok()
}

fn send_frame(n: u32, body: &[u8]) -> Vec<u8> {
    let body = String::from_utf8_lossy(body);
    format!(r#"{{"type":"send","ref":"{n}","conversation":1,"body":"{body}"}}"#).into_bytes()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{MESSAGE_BYTES, stamp, stamped};

    #[test]
    fn the_due_time_is_found_in_a_message_and_in_a_template() {
        let first = stamped(None, Duration::from_micros(1_234_567));
        let frame = [b"{\"message\":\"", first.as_slice(), b"\"}"].concat();
        let second = stamped(Some(&frame), Duration::from_micros(7));

        assert_eq!((first.len(), stamp(&first)), (MESSAGE_BYTES, Some(1_234_567)));
        assert_eq!((second.len(), stamp(&second)), (frame.len(), Some(7)));
    }
}
