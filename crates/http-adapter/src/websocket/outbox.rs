//! The queue of frames to one client.

mod pending;

use std::cell::RefCell;
use std::future::{Future as _, poll_fn};
use std::io::{ErrorKind, IoSlice};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Poll, Waker, ready};

use tokio::time::{Duration, Instant, Sleep, sleep};

use self::pending::Pending;
use super::{CloseCode, Flusher, Frame, frame};
use crate::transport::Connection;

/// Frames in one write.
const SLICES: usize = 32;

/// How many bytes may be queued for one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueueLimits {
    /// The bound for ephemeral frames.
    pub(crate) soft: usize,
    /// The bound for all frames.
    pub(crate) hard: usize,
}

/// Whether a frame may be omitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    Durable,
    Ephemeral,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Pushed {
    Queued,
    /// The queue is full.
    Refused,
    /// The socket is closing and takes no more frames.
    Closed,
}

/// What to do with the queued frames when a socket closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backlog {
    /// Send them before the close frame.
    Flush,
    Discard,
}

/// A bounded queue of whole frames to one client. Control frames overtake queued frames. It stays on
/// one thread: there is no lock, and no borrow outlives a method.
#[derive(Debug)]
pub(crate) struct Outbox {
    connection: Rc<Connection>,
    flusher: Rc<Flusher>,
    itself: Weak<Self>,
    limits: QueueLimits,
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    pending: Pending,
    phase: Phase,
    /// When [`Outbox::is_stalled`] first found the queue stuck since the last write.
    stuck_since: Option<Instant>,
    writer: Option<Waker>,
    drained: Option<Waker>,
    ended: Option<Waker>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// The close frame is sent last.
    Closing,
    /// The close frame has been sent, or the connection is gone.
    Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    All,
    /// The connection accepts no more bytes at present.
    Partly,
    /// Nothing more will be written.
    Ended,
}

impl Outbox {
    pub(super) fn new(
        limits: QueueLimits,
        connection: Rc<Connection>,
        flusher: Rc<Flusher>,
    ) -> Rc<Self> {
        let state = State {
            pending: Pending::default(),
            phase: Phase::Open,
            stuck_since: None,
            writer: None,
            drained: None,
            ended: None,
        };
        let state = RefCell::new(state);
        Rc::new_cyclic(|itself| Self { connection, flusher, itself: itself.clone(), limits, state })
    }

    /// Queues a frame. An empty queue takes a frame of any size; the limits apply to the frames
    /// behind it.
    pub(crate) fn push(&self, frame: &Frame, durability: Durability) -> Pushed {
        let mut state = self.state.borrow_mut();
        if state.phase != Phase::Open {
            return Pushed::Closed;
        }
        let limit = match durability {
            Durability::Durable => self.limits.hard,
            Durability::Ephemeral => self.limits.soft,
        };
        let is_first = state.pending.waiting() == 0;
        if !is_first && state.pending.backlog() + frame.len() > limit {
            return Pushed::Refused;
        }
        state.pending.push(frame.bytes());
        // The flusher already knows a queue that is not empty.
        if is_first {
            state.stuck_since = None;
            if let Some(itself) = self.itself.upgrade() {
                self.flusher.add(itself);
            }
        }
        Pushed::Queued
    }

    /// Overtakes the queued frames, unlike [`Frame::queued_ping`].
    pub(crate) fn ping(&self, payload: &[u8]) {
        self.control(|pending| pending.ping = Some(frame::ping(payload)));
    }

    /// Answers a ping. Of several unanswered pings, only the newest gets a pong.
    pub(crate) fn pong(&self, payload: &[u8]) {
        self.control(|pending| pending.pong = Some(frame::pong(payload)));
    }

    fn control(&self, set: impl FnOnce(&mut Pending)) {
        let mut state = self.state.borrow_mut();
        if state.phase == Phase::Open {
            set(&mut state.pending);
            wake(&mut state.writer);
        }
    }

    /// Refuses further frames, and ends with a close frame. Only the first call has an effect.
    pub(crate) fn close(&self, code: CloseCode, backlog: Backlog) {
        let mut state = self.state.borrow_mut();
        if state.phase != Phase::Open {
            return;
        }
        state.phase = Phase::Closing;
        state.pending.close = Some(frame::close(code));
        if backlog == Backlog::Discard {
            state.clear();
        }
        wake(&mut state.writer);
        wake(&mut state.ended);
    }

    /// Drops the queued frames, except the rest of one that is partly written.
    pub(crate) fn clear(&self) {
        self.state.borrow_mut().clear();
    }

    /// Bytes in the queue.
    pub(crate) fn waiting(&self) -> usize {
        self.state.borrow().pending.waiting()
    }

    /// Bytes in the queue that count against the limits.
    pub(crate) fn backlog(&self) -> usize {
        self.state.borrow().pending.backlog()
    }

    /// Whether the connection has accepted nothing for `timeout` although frames were queued. The
    /// time counts from the first call that finds them, so call this regularly. Reading the clock
    /// for each frame would be too slow.
    pub(crate) fn is_stalled(&self, now: Instant, timeout: Duration) -> bool {
        let mut state = self.state.borrow_mut();
        if state.pending.waiting() == 0 {
            return false;
        }
        let since = *state.stuck_since.get_or_insert(now);
        now.saturating_duration_since(since) >= timeout
    }

    /// Waits until the queue is empty. Only one task may wait; cancel-safe.
    pub(crate) async fn drained(&self) {
        self.until(|state| state.pending.waiting() == 0, |state| &mut state.drained).await;
    }

    /// Waits until the socket is closing or its connection is gone. Only one task may wait;
    /// cancel-safe.
    pub(crate) async fn ended(&self) {
        self.until(|state| state.phase != Phase::Open, |state| &mut state.ended).await;
    }

    async fn until(
        &self,
        is_true: impl Fn(&State) -> bool,
        waker: impl Fn(&mut State) -> &mut Option<Waker>,
    ) {
        poll_fn(|cx| {
            let mut state = self.state.borrow_mut();
            if is_true(&state) {
                return Poll::Ready(());
            }
            *waker(&mut state) = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Writes as much as the connection accepts, and leaves the rest to [`Self::write_rest`].
    pub(super) fn flush(&self) {
        if self.write() != Written::All {
            wake(&mut self.state.borrow_mut().writer);
        }
    }

    /// Writes control frames and the rest of [`Self::flush`], until the close frame has been sent or
    /// the connection is gone. Closing is bounded by `close_timeout`, because no heartbeat watches a
    /// closing socket.
    pub(super) async fn write_rest(&self, close_timeout: Duration) {
        let mut closing: Option<Pin<Box<Sleep>>> = None;
        poll_fn(|cx| {
            loop {
                self.state.borrow_mut().writer = Some(cx.waker().clone());
                if self.is_closing() {
                    let end = closing.get_or_insert_with(|| Box::pin(sleep(close_timeout)));
                    if end.as_mut().poll(cx).is_ready() {
                        self.hang_up();
                    }
                }
                match self.write() {
                    Written::All => return Poll::Pending,
                    Written::Ended => return Poll::Ready(()),
                    Written::Partly => {
                        if ready!(self.connection.poll_writable(cx)).is_err() {
                            self.hang_up();
                        }
                    }
                }
            }
        })
        .await;
    }

    fn is_closing(&self) -> bool {
        self.state.borrow().phase == Phase::Closing
    }

    fn write(&self) -> Written {
        let mut state = self.state.borrow_mut();
        loop {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let pending = slices.iter_mut().zip(state.pending.slices());
            let count = pending.map(|(slice, bytes)| *slice = IoSlice::new(bytes)).count();
            if count == 0 {
                return state.all_written();
            }
            match self.connection.try_write(slices.get(..count).unwrap_or_default()) {
                Ok(written) if written > 0 => state.advance(written),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Written::Partly,
                Ok(_) | Err(_) => {
                    state.hang_up();
                    return Written::Ended;
                }
            }
        }
    }

    /// Drops everything, because the connection is gone.
    pub(crate) fn hang_up(&self) {
        self.state.borrow_mut().hang_up();
    }
}

impl State {
    fn advance(&mut self, written: usize) {
        self.stuck_since = None;
        self.pending.advance(written);
        if self.pending.waiting() == 0 {
            wake(&mut self.drained);
        }
    }

    fn all_written(&mut self) -> Written {
        if self.phase == Phase::Open {
            return Written::All;
        }
        self.phase = Phase::Ended;
        Written::Ended
    }

    fn clear(&mut self) {
        self.pending.clear();
        if self.pending.waiting() == 0 {
            wake(&mut self.drained);
        }
    }

    fn hang_up(&mut self) {
        self.phase = Phase::Ended;
        self.pending = Pending::default();
        wake(&mut self.writer);
        wake(&mut self.drained);
        wake(&mut self.ended);
    }
}

/// Waking only schedules a task, so it may happen under a borrow.
fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

#[cfg(test)]
impl Outbox {
    /// Without a connection.
    pub(crate) fn alone(limits: QueueLimits) -> Rc<Self> {
        Self::new(limits, Rc::default(), Rc::default())
    }

    /// Takes the next frame or the rest of one, like a connection.
    pub(crate) fn taken(&self) -> Option<bytes::Bytes> {
        self.taken_of(usize::MAX)
    }

    fn taken_of(&self, most: usize) -> Option<bytes::Bytes> {
        let mut state = self.state.borrow_mut();
        let next = state.pending.slices().next()?;
        let taken = bytes::Bytes::copy_from_slice(next.get(..most).unwrap_or(next));
        state.advance(taken.len());
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tokio::time::{Duration, advance};

    use super::{Backlog, Durability, Outbox, Pushed, QueueLimits};
    use crate::budget::Budget;
    use crate::websocket::{CloseCode, Frame, frame};
    use Durability::{Durable, Ephemeral};

    const LIMITS: QueueLimits = QueueLimits { soft: 100, hard: 200 };

    fn frame_of(length: usize) -> Frame {
        Frame::text(&Budget::new(0), length, |out| out.resize(out.len() + length, b'x'))
    }

    fn all(outbox: &Outbox) -> Vec<Bytes> {
        std::iter::from_fn(|| outbox.taken()).collect()
    }

    #[tokio::test]
    async fn ephemeral_frames_are_refused_before_durable_ones() {
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
    async fn control_frames_never_interrupt_a_partly_written_frame() {
        let outbox = Outbox::alone(LIMITS);
        let budget = Budget::new(0);
        let large = Frame::text(&budget, 5000, |out| out.resize(out.len() + 5000, b'x'));
        let [pong, other] = [b"a", b"b"].map(|payload| frame::pong(payload));
        assert_eq!(outbox.push(&large, Durable), Pushed::Queued);
        let begun = outbox.taken_of(1000).unwrap();
        outbox.pong(b"a");
        outbox.ping(b"");
        let rest = outbox.taken().unwrap();
        let begun_pong = outbox.taken_of(1).unwrap();
        outbox.pong(b"b");
        outbox.close(CloseCode::GoingAway, Backlog::Discard);

        let control = all(&outbox);

        assert_eq!([begun, rest].concat(), large.bytes());
        assert_eq!(begun_pong, pong.slice(..1));
        let close = frame::close(CloseCode::GoingAway);
        assert_eq!(control, [pong.slice(1..), other, frame::ping(b""), close]);
        drop(large);
        assert_eq!(budget.used(), 0);
    }

    #[tokio::test]
    async fn every_way_to_empty_the_queue_counts_as_drained() {
        let ways: [fn(&Outbox); 4] = [
            |outbox| assert_eq!(all(outbox).len(), 1),
            Outbox::clear,
            |outbox| outbox.close(CloseCode::Echo(None), Backlog::Discard),
            Outbox::hang_up,
        ];
        for drain in ways {
            let outbox = Outbox::alone(LIMITS);
            assert_eq!(outbox.push(&frame_of(1), Durable), Pushed::Queued);

            tokio::join!(biased; outbox.drained(), async { drain(&outbox) });

            assert_eq!(outbox.waiting(), 0);
        }
    }

    #[tokio::test]
    async fn a_flood_of_pings_gets_one_pong_for_the_newest() {
        let outbox = Outbox::alone(LIMITS);
        for n in 0..1000_u16 {
            outbox.pong(&n.to_be_bytes());
        }

        assert_eq!(all(&outbox), [frame::pong(&999_u16.to_be_bytes())]);
    }

    #[tokio::test]
    async fn closing_flushes_or_discards_the_queue() {
        for (backlog, want) in [(Backlog::Flush, 2), (Backlog::Discard, 1)] {
            let outbox = Outbox::alone(LIMITS);
            assert_eq!(outbox.push(&frame_of(1), Durable), Pushed::Queued);

            outbox.close(CloseCode::TryAgainLater, backlog);
            outbox.close(CloseCode::NoAccess, Backlog::Discard);

            assert_eq!(outbox.push(&frame_of(1), Durable), Pushed::Closed);
            let sent = all(&outbox);
            assert_eq!(
                (sent.len(), sent.last()),
                (want, Some(&frame::close(CloseCode::TryAgainLater)))
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_outbox_stalls_only_while_queued_frames_are_not_taken() {
        let outbox = Outbox::alone(LIMITS);
        let timeout = Duration::from_secs(30);
        let is_stalled = || outbox.is_stalled(tokio::time::Instant::now(), timeout);
        advance(timeout).await;
        let idle = is_stalled();
        assert_eq!(outbox.push(&frame_of(10), Durable), Pushed::Queued);
        let waiting = is_stalled();
        advance(Duration::from_millis(29_999)).await;
        let still = is_stalled();
        advance(Duration::from_millis(1)).await;

        assert_eq!((idle, waiting, still, is_stalled()), (false, false, false, true));
        assert_eq!(all(&outbox).len(), 1);
        assert!(!is_stalled());
    }
}
