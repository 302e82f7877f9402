//! What waits for one client.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice};
use std::rc::Rc;
use std::task::{Poll, Waker, ready};

use bytes::{Buf as _, Bytes};
use tokio::time::{Duration, Instant};

use super::line::Line;
use super::{Frame, frame};

/// Most frames that leave in one write.
const SLICES: usize = 32;
/// Room for frames that an idle socket keeps.
const KEPT: usize = 4;

/// How much may wait for one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueueLimits {
    /// Bytes from which on ephemera are left out.
    pub(crate) soft: usize,
    /// Bytes from which on nothing more is taken.
    pub(crate) hard: usize,
}

/// Whether a frame may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    Durable,
    Ephemeral,
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Pushed {
    /// It waits for the client.
    Queued,
    /// There was no room for it.
    Refused,
    /// The socket is closing; nothing matters any more.
    Closed,
}

/// What becomes of the frames that wait when a socket is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    /// They go before the close frame.
    Sent,
    /// They do not go at all.
    Dropped,
}

/// A bounded queue of whole frames towards one client; control frames pass it
/// at the next border between two. Lives on one thread: no lock, and no borrow
/// outlives a method.
#[derive(Debug)]
pub(crate) struct Outbox {
    line: Rc<Line>,
    limits: QueueLimits,
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    queue: VecDeque<Bytes>,
    /// What is left of a frame whose beginning has gone out…
    begun: Bytes,
    /// …and of a control frame; not of both.
    control: Bytes,
    /// Bytes in `queue` and `begun`.
    waiting: usize,
    /// Those of them that belong to a frame which was queued alone; they do
    /// not count against the limits of what follows it.
    alone: usize,
    pong: Option<Bytes>,
    ping: bool,
    phase: Phase,
    /// When the connection last took something, or had nothing to take.
    progress: Instant,
    connection: Option<Waker>,
    drained: Option<Waker>,
    ended: Option<Waker>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    Open,
    /// The close frame that ends everything.
    Closing(Bytes),
    /// The close frame is going out, or the connection is gone.
    Over,
}

/// How far what waited has been written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    /// All that there was.
    All,
    /// The connection takes nothing more now.
    Some,
    /// Nothing will come any more.
    Over,
}

impl Outbox {
    pub(crate) fn new(limits: QueueLimits, line: Rc<Line>) -> Self {
        let state = State {
            queue: VecDeque::new(),
            begun: Bytes::new(),
            control: Bytes::new(),
            waiting: 0,
            alone: 0,
            pong: None,
            ping: false,
            phase: Phase::Open,
            progress: Instant::now(),
            connection: None,
            drained: None,
            ended: None,
        };
        Self { line, limits, state: RefCell::new(state) }
    }

    /// Queues a frame. Any passes when nothing else waits; the limits are for
    /// what follows it.
    pub(crate) fn push(&self, frame: &Frame, weight: Weight) -> Pushed {
        let mut state = self.state.borrow_mut();
        if state.phase != Phase::Open {
            return Pushed::Closed;
        }
        let limit = match weight {
            Weight::Durable => self.limits.hard,
            Weight::Ephemeral => self.limits.soft,
        };
        if state.waiting > 0 && state.waiting - state.alone + frame.len() > limit {
            return Pushed::Refused;
        }
        if state.waiting == 0 {
            state.progress = Instant::now();
            state.alone = frame.len();
        }
        state.waiting += frame.len();
        state.queue.push_back(frame.bytes());
        state.wake_connection();
        Pushed::Queued
    }

    /// Sends a ping soon.
    pub(crate) fn ping(&self) {
        let mut state = self.state.borrow_mut();
        if state.phase == Phase::Over {
            return;
        }
        state.ping = true;
        state.wake_connection();
    }

    /// Answers a ping. Of several that were not yet answered, only the newest is.
    pub(crate) fn pong(&self, payload: &[u8]) {
        let mut state = self.state.borrow_mut();
        if state.phase == Phase::Over {
            return;
        }
        state.pong = Some(frame::pong(payload));
        state.wake_connection();
    }

    /// Takes no more frames, sends `code` after those that wait, and ends the
    /// connection. The first call counts.
    pub(crate) fn close(&self, code: Option<u16>, rest: Rest) {
        let mut state = self.state.borrow_mut();
        if state.phase != Phase::Open {
            return;
        }
        state.phase = Phase::Closing(frame::close(code));
        if rest == Rest::Dropped {
            state.drop_queue();
        }
        state.wake_connection();
        state.wake_ended();
    }

    /// Drops what waits, but for the rest of a frame that has begun.
    pub(crate) fn clear(&self) {
        self.state.borrow_mut().drop_queue();
    }

    /// Bytes that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.state.borrow().waiting
    }

    /// Bytes that wait, but for those of a frame that was queued alone.
    pub(crate) fn backlog(&self) -> usize {
        let state = self.state.borrow();
        state.waiting - state.alone
    }

    /// Whether the connection has taken nothing for `timeout`, though there was something.
    pub(crate) fn is_stalled(&self, now: Instant, timeout: Duration) -> bool {
        let state = self.state.borrow();
        state.waiting > 0 && now.saturating_duration_since(state.progress) >= timeout
    }

    /// Waits until nothing waits. For one task at a time; cancel-safe.
    pub(crate) async fn drained(&self) {
        poll_fn(|cx| {
            let mut state = self.state.borrow_mut();
            if state.waiting == 0 {
                return Poll::Ready(());
            }
            state.drained = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Waits until the socket is closing or its connection gone. For one task
    /// at a time; cancel-safe.
    pub(crate) async fn ended(&self) {
        poll_fn(|cx| {
            let mut state = self.state.borrow_mut();
            if state.phase != Phase::Open {
                return Poll::Ready(());
            }
            state.ended = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Writes what waits, until the close frame has gone out or the connection is gone.
    pub(super) async fn written(&self) {
        poll_fn(|cx| {
            loop {
                self.state.borrow_mut().connection = Some(cx.waker().clone());
                match self.write() {
                    Written::All => return Poll::Pending,
                    Written::Over => return Poll::Ready(()),
                    Written::Some => {
                        if ready!(self.line.poll_writable(cx)).is_err() {
                            self.hang_up();
                        }
                    }
                }
            }
        })
        .await;
    }

    /// Writes what waits, as far as the connection takes it now.
    fn write(&self) -> Written {
        let mut state = self.state.borrow_mut();
        loop {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let pending = slices.iter_mut().zip(state.pending());
            let count = pending.map(|(slice, bytes)| *slice = IoSlice::new(bytes)).count();
            if count == 0 {
                return if state.phase == Phase::Over { Written::Over } else { Written::All };
            }
            match self.line.try_write(slices.get(..count).unwrap_or_default()) {
                Ok(written) if written > 0 => state.advance(written),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Written::Some,
                Ok(_) | Err(_) => {
                    state.hang_up();
                    return Written::Over;
                }
            }
        }
    }

    /// The connection is gone, or has nobody at its other end.
    pub(crate) fn hang_up(&self) {
        self.state.borrow_mut().hang_up();
    }
}

impl State {
    /// What goes out next, in order.
    fn pending(&self) -> impl Iterator<Item = &[u8]> {
        let begun = [&self.begun, &self.control].into_iter().filter(|rest| !rest.is_empty());
        let close = match &self.phase {
            Phase::Closing(close) => Some(close),
            Phase::Open | Phase::Over => None,
        };
        let frames = begun.chain(&self.pong).chain(self.ping.then_some(&frame::PING));
        frames.chain(&self.queue).chain(close).map(|bytes| &**bytes)
    }

    /// So many bytes of it have gone out.
    fn advance(&mut self, mut written: usize) {
        self.progress = Instant::now();
        while written > 0 && self.begin() {
            let length = written.min(self.begun.len() + self.control.len());
            if self.control.is_empty() {
                self.begun.advance(length);
                self.waiting -= length;
                self.alone = self.alone.saturating_sub(length);
            } else {
                self.control.advance(length);
            }
            written -= length;
        }
        if self.waiting == 0 {
            // An idle socket does not keep what a burst needed.
            self.queue.shrink_to(KEPT);
            if let Some(waker) = self.drained.take() {
                waker.wake();
            }
        }
    }

    /// Whether a frame has begun, which the next one now has if none had.
    fn begin(&mut self) -> bool {
        if !self.begun.is_empty() || !self.control.is_empty() {
            return true;
        }
        if let Some(control) = self.next_control() {
            self.control = control;
        } else if let Some(frame) = self.queue.pop_front() {
            self.begun = frame;
        } else if let Phase::Closing(close) = &mut self.phase {
            self.control = std::mem::take(close);
            self.phase = Phase::Over;
        } else {
            return false;
        }
        true
    }

    fn next_control(&mut self) -> Option<Bytes> {
        if let Some(pong) = self.pong.take() {
            return Some(pong);
        }
        std::mem::take(&mut self.ping).then(|| frame::PING.clone())
    }

    fn drop_queue(&mut self) {
        self.queue = VecDeque::new();
        self.waiting = self.begun.len();
        self.alone = self.alone.min(self.waiting);
    }

    fn hang_up(&mut self) {
        self.phase = Phase::Over;
        (self.pong, self.ping, self.control) = (None, false, Bytes::new());
        self.begun = Bytes::new();
        self.drop_queue();
        self.wake_connection();
        self.wake_ended();
        if let Some(waker) = self.drained.take() {
            waker.wake();
        }
    }

    /// Wakers only put a task into its queue, so they may be called here.
    fn wake_connection(&mut self) {
        if let Some(waker) = self.connection.take() {
            waker.wake();
        }
    }

    fn wake_ended(&mut self) {
        if let Some(waker) = self.ended.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
impl Outbox {
    /// Without a connection.
    pub(crate) fn alone(limits: QueueLimits) -> Self {
        Self::new(limits, Rc::default())
    }

    /// What a connection would take next: a frame, or the rest of one.
    pub(crate) fn taken(&self) -> Option<Bytes> {
        self.taken_of(usize::MAX)
    }

    fn taken_of(&self, most: usize) -> Option<Bytes> {
        let mut state = self.state.borrow_mut();
        let next = state.pending().next()?;
        let taken = Bytes::copy_from_slice(next.get(..most).unwrap_or(next));
        state.advance(taken.len());
        Some(taken)
    }

    fn is_over(&self) -> bool {
        self.state.borrow().phase == Phase::Over
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tokio::time::{Duration, advance};

    use super::{Outbox, Pushed, QueueLimits, Rest, Weight};
    use crate::fanout::{Budget, Frame, frame};
    use Weight::{Durable, Ephemeral};

    const LIMITS: QueueLimits = QueueLimits { soft: 100, hard: 200 };

    fn frame_of(length: usize) -> Frame {
        Frame::text(&Budget::new(0), length, |out| out.resize(out.len() + length, b'x'))
    }

    fn all(outbox: &Outbox) -> Vec<Bytes> {
        std::iter::from_fn(|| outbox.taken()).collect()
    }

    #[tokio::test]
    async fn behind_the_first_frame_of_any_size_ephemera_are_refused_before_others() {
        for first in [90, 5000] {
            let outbox = Outbox::alone(LIMITS);

            assert_eq!(outbox.push(&frame_of(first), Durable), Pushed::Queued);
            assert_eq!(outbox.push(&frame_of(90), Ephemeral), Pushed::Queued);
            assert_eq!(outbox.push(&frame_of(90), Ephemeral), Pushed::Refused);
            assert_eq!(outbox.push(&frame_of(90), Durable), Pushed::Queued);
            assert_eq!(outbox.push(&frame_of(90), Durable), Pushed::Refused);
            assert_eq!(all(&outbox).len(), 3);
            assert_eq!(outbox.waiting(), 0);
        }
    }

    #[tokio::test]
    async fn nothing_gets_into_a_frame_that_has_begun() {
        let outbox = Outbox::alone(LIMITS);
        let large = frame_of(5000);
        assert_eq!(outbox.push(&large, Durable), Pushed::Queued);
        let begun = outbox.taken_of(1000);
        outbox.pong(b"a");
        outbox.ping();
        outbox.close(Some(1001), Rest::Dropped);
        let rest = [outbox.taken(), outbox.taken_of(1)];
        outbox.pong(b"b");

        let control = all(&outbox);

        assert_eq!([begun.unwrap(), rest[0].clone().unwrap()].concat(), large.bytes());
        let [pong, other] = [b"a", b"b"].map(|payload| frame::pong(payload));
        assert_eq!(rest[1], Some(pong.slice(..1)));
        assert_eq!(
            control,
            [pong.slice(1..), other, frame::PING.clone(), frame::close(Some(1001))]
        );
        assert!(outbox.is_over());
    }

    #[tokio::test]
    async fn a_flood_of_pings_is_answered_with_its_newest() {
        let outbox = Outbox::alone(LIMITS);
        for n in 0..1000_u16 {
            outbox.pong(&n.to_be_bytes());
        }

        assert_eq!(all(&outbox), [frame::pong(&999_u16.to_be_bytes())]);
    }

    #[tokio::test]
    async fn closing_sends_what_waits_or_drops_it() {
        for (rest, want) in [(Rest::Sent, 2), (Rest::Dropped, 1)] {
            let outbox = Outbox::alone(LIMITS);
            assert_eq!(outbox.push(&frame_of(1), Durable), Pushed::Queued);

            outbox.close(Some(1013), rest);
            outbox.close(Some(4003), Rest::Dropped);

            assert_eq!(outbox.push(&frame_of(1), Durable), Pushed::Closed);
            let sent = all(&outbox);
            assert_eq!((sent.len(), sent.last()), (want, Some(&frame::close(Some(1013)))));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_stalls_only_while_something_waits_and_nothing_is_taken() {
        let outbox = Outbox::alone(LIMITS);
        let timeout = Duration::from_secs(30);
        let is_stalled = || outbox.is_stalled(tokio::time::Instant::now(), timeout);
        advance(timeout).await;
        let idle = is_stalled();
        assert_eq!(outbox.push(&frame_of(10), Durable), Pushed::Queued);
        advance(Duration::from_millis(29_999)).await;
        let waiting = is_stalled();
        advance(Duration::from_millis(1)).await;

        assert_eq!((idle, waiting, is_stalled()), (false, false, true));
        assert_eq!(all(&outbox).len(), 1);
        assert!(!is_stalled());
    }
}
