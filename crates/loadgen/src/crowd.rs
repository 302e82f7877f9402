//! Many clients that listen, a few of whom talk.

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

use crate::people::VisibleUser;
use crate::wire::{Credentials, Socket, Voice};

/// Longest time that anything expected may take.
const PATIENCE: Duration = Duration::from_mins(2);
/// Nothing has come for so long: it is quiet.
const QUIET: Duration = Duration::from_millis(400);
/// In front of the moment at which a message was due, in µs of this process.
const STAMP: &[u8] = b"due=";
const STAMP_DIGITS: usize = 12;
/// Messages of different clients may change places as far as this.
const OUT_OF_ORDER: usize = 32;
/// Bytes of a message.
const MESSAGE: usize = 120;

/// Where clients sit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seat {
    /// As the React client.
    Lobby,
    /// On the socket of v1, with the lobby open.
    LobbyOnV1,
    Floor,
}

/// Clients of one or more servers.
#[derive(Debug)]
pub(crate) struct Crowd {
    seat: Seat,
    voices: Vec<Voice>,
    tally: Rc<Tally>,
    readers: Vec<JoinHandle<()>>,
}

/// How many messages are said, and how often.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pace {
    pub(crate) count: u32,
    pub(crate) every: Duration,
}

/// What came of talking.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) deliveries: u64,
    /// From when a message was due until a client saw it, in µs.
    pub(crate) latencies: Histogram<u64>,
}

/// When which message of a turn is due.
#[derive(Debug, Clone, Copy, Default)]
struct Turn {
    number: u32,
    /// Since the tally began.
    begin: Duration,
    pace: Pace,
}

impl Turn {
    /// The number of a message, by its stamp; none if it is of another turn.
    fn message(self, due: u64) -> Option<usize> {
        let since = Duration::from_micros(due + 1).checked_sub(self.begin)?;
        let number = since.as_nanos().checked_div(self.pace.every.as_nanos())?;
        usize::try_from(number).ok().filter(|number| *number < self.pace.count as usize)
    }
}

#[derive(Debug)]
struct Tally {
    began: Instant,
    /// Texts of any kind.
    texts: Cell<u64>,
    /// Histories, or what stands for them.
    greeted: Cell<usize>,
    turn: Cell<Turn>,
    deliveries: Cell<u64>,
    latencies: RefCell<Histogram<u64>>,
    /// The newest delivery.
    sample: RefCell<Vec<u8>>,
    broken: RefCell<Option<anyhow::Error>>,
    changed: Notify,
}

impl Crowd {
    /// Connects everyone at once, `at_once` at a time, and waits until each has got a history.
    pub(crate) async fn open(
        seat: Seat,
        addresses: &[SocketAddr],
        people: &[VisibleUser],
        sockets: usize,
        at_once: usize,
    ) -> anyhow::Result<Self> {
        let tally = Rc::new(Tally {
            began: Instant::now(),
            texts: Cell::default(),
            greeted: Cell::default(),
            turn: Cell::default(),
            deliveries: Cell::default(),
            latencies: RefCell::new(histogram()?),
            sample: RefCell::default(),
            broken: RefCell::default(),
            changed: Notify::new(),
        });
        let arrivals = addresses.iter().cycle().zip(people.iter().cycle()).take(sockets);
        let each = arrivals.map(|(address, person)| {
            let tally = Rc::clone(&tally);
            async move {
                let socket = arrive(seat, *address, person).await?;
                let voice = socket.voice();
                anyhow::Ok((voice, tokio::task::spawn_local(listen(seat, socket, tally))))
            }
        });
        let seated: Vec<_> = stream::iter(each).buffer_unordered(at_once).try_collect().await?;
        let (voices, readers) = seated.into_iter().unzip();
        let crowd = Self { seat, voices, tally, readers };
        if seat != Seat::Floor {
            crowd.until("a history for everyone", |tally| tally.greeted.get() >= sockets).await?;
        }
        Ok(crowd)
    }

    pub(crate) fn sockets(&self) -> usize {
        self.voices.len()
    }

    /// A frame as the server made it, for the floor to say.
    pub(crate) fn sample(&self) -> Vec<u8> {
        self.tally.sample.borrow().clone()
    }

    /// Waits until nothing has come for a moment.
    pub(crate) async fn quiet(&self) -> anyhow::Result<()> {
        let mut before = self.tally.texts.get();
        let wait = async {
            loop {
                sleep(QUIET).await;
                let now = self.tally.texts.get();
                if now == before {
                    return;
                }
                before = now;
            }
        };
        timeout(PATIENCE, wait).await.context("it does not become quiet")
    }

    /// Says messages, each at its time whatever became of those before, by one client after the
    /// other; waits until everyone has each. `template` is a frame whose stamp is replaced.
    pub(crate) async fn talk(&self, pace: Pace, template: Option<&[u8]>) -> anyhow::Result<Heard> {
        let tally = &self.tally;
        tally.deliveries.set(0);
        tally.latencies.borrow_mut().reset();
        let begin = Instant::now();
        let turn = Turn {
            number: tally.turn.get().number + 1,
            begin: begin.duration_since(tally.began),
            pace,
        };
        tally.turn.set(turn);
        for n in 0..pace.count {
            let due = begin + pace.every * n;
            sleep_until(due.into()).await;
            let text = stamped(template, due.duration_since(tally.began));
            let voice = self.voices.get(n as usize % self.voices.len()).context("nobody")?;
            match self.seat {
                Seat::LobbyOnV1 => voice.say(&send_frame(n, &text)).await?,
                Seat::Lobby | Seat::Floor => voice.say(&text).await?,
            }
        }
        let expected = u64::from(pace.count) * self.voices.len() as u64;
        self.until("every message at everyone", |tally| tally.deliveries.get() >= expected).await?;
        Ok(Heard { deliveries: expected, latencies: tally.latencies.borrow().clone() })
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Tally) -> bool) -> anyhow::Result<()> {
        let wait = async {
            loop {
                let changed = self.tally.changed.notified();
                if let Some(error) = self.tally.broken.take() {
                    return Err(error);
                }
                if is_so(&self.tally) {
                    return Ok(());
                }
                changed.await;
            }
        };
        let told = || {
            let Tally { greeted, deliveries, .. } = &*self.tally;
            anyhow!(
                "{what}: not within {PATIENCE:?} ({} histories, {} deliveries)",
                greeted.get(),
                deliveries.get()
            )
        };
        timeout(PATIENCE, wait).await.unwrap_or_else(|_| Err(told()))
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for reader in &self.readers {
            reader.abort();
        }
    }
}

async fn arrive(seat: Seat, address: SocketAddr, person: &VisibleUser) -> anyhow::Result<Socket> {
    let token = person.access.as_str();
    match seat {
        Seat::Lobby => Socket::open(address, "/ws/chat/", Credentials::Query(token)).await,
        Seat::LobbyOnV1 => {
            let socket = Socket::open(address, "/api/v1/ws", Credentials::Header(token)).await?;
            socket.voice().say(br#"{"type":"open","ref":"open","conversation":1}"#).await?;
            Ok(socket)
        }
        Seat::Floor => Socket::open(address, "/", Credentials::None).await,
    }
}

async fn listen(seat: Seat, mut socket: Socket, tally: Rc<Tally>) {
    let mut seen = Seen::default();
    loop {
        let heard = socket.hear(|text| tally.note(seat, text, &mut seen)).await;
        match heard {
            Ok(true) => {}
            Ok(false) => return tally.breaks(anyhow!("a connection has ended")),
            Err(error) => return tally.breaks(error),
        }
    }
}

/// Which messages of a turn a client has.
#[derive(Debug, Default)]
struct Seen {
    turn: u32,
    messages: Vec<bool>,
}

impl Seen {
    /// Whether it is new; none if it is not of this turn.
    fn add(&mut self, turn: Turn, text: &[u8]) -> Option<(bool, u64)> {
        let due = stamp(text)?;
        let number = turn.message(due)?;
        if self.turn != turn.number {
            *self = Self { turn: turn.number, messages: vec![false; turn.pace.count as usize] };
        }
        let had = std::mem::replace(self.messages.get_mut(number)?, true);
        Some((!had, due))
    }
}

impl Tally {
    fn note(&self, seat: Seat, text: &[u8], seen: &mut Seen) {
        self.texts.set(self.texts.get() + 1);
        let (greeting, delivery): (&[u8], &[u8]) = match seat {
            Seat::Lobby => (br#"{"type":"message_history""#, br#"{"type":"chat_message""#),
            // It relays what others make.
            Seat::Floor => (b"nothing", b""),
            Seat::LobbyOnV1 => (br#"{"type":"changes""#, br#"{"type":"event""#),
        };
        if text.starts_with(greeting) || text.starts_with(br#"{"type":"reset""#) {
            self.greeted.set(self.greeted.get() + 1);
            self.changed.notify_waiters();
            self.note_history(text, seen);
        } else if text.starts_with(delivery)
            && let Some((is_new, due)) = seen.add(self.turn.get(), text)
        {
            if !is_new {
                self.breaks(anyhow!("a message came twice: {}", String::from_utf8_lossy(text)));
            }
            self.deliver(due);
            if self.deliveries.get().is_multiple_of(self.sampled_every()) {
                text.clone_into(&mut self.sample.borrow_mut());
            }
        }
    }

    /// What a client has not seen by itself, it sees in a history, of which it is the end.
    fn note_history(&self, history: &[u8], seen: &mut Seen) {
        let mut known = 0;
        for at in memchr::memmem::rfind_iter(history, STAMP) {
            match seen.add(self.turn.get(), history.get(at..).unwrap_or_default()) {
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

    /// So that copying samples is no part of the load.
    fn sampled_every(&self) -> u64 {
        if self.sample.borrow().is_empty() { 1 } else { 1 << 16 }
    }

    fn breaks(&self, error: anyhow::Error) {
        self.broken.replace(Some(error));
        self.changed.notify_waiters();
    }
}

pub(crate) fn histogram() -> anyhow::Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, 600_000_000, 3)?)
}

/// A message, or the template, with the moment at which it was due.
fn stamped(template: Option<&[u8]>, due: Duration) -> Vec<u8> {
    let stamp = format!("due={:0STAMP_DIGITS$}", due.as_micros());
    let Some(template) = template else { return format!("{stamp:x<MESSAGE$}").into_bytes() };
    let mut text = template.to_vec();
    let place = memchr::memmem::find(&text, STAMP);
    if let Some(place) = place.and_then(|at| text.get_mut(at..at + stamp.len())) {
        place.copy_from_slice(stamp.as_bytes());
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

    use super::{MESSAGE, stamp, stamped};

    #[test]
    fn the_moment_at_which_a_message_was_due_is_found_in_it_and_in_what_is_made_of_it() {
        let first = stamped(None, Duration::from_micros(1_234_567));
        let frame = [b"{\"message\":\"", first.as_slice(), b"\"}"].concat();
        let second = stamped(Some(&frame), Duration::from_micros(7));

        assert_eq!((first.len(), stamp(&first)), (MESSAGE, Some(1_234_567)));
        assert_eq!((second.len(), stamp(&second)), (frame.len(), Some(7)));
    }
}
