//! What waits for one client.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::time::{Duration, Instant};

use super::{Frame, frame};

/// Larger frames are handed over in slices, so that one of them does not make
/// the connection's write buffer large.
const SLICE: usize = 8 * 1024;

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
    limits: QueueLimits,
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    queue: VecDeque<Bytes>,
    /// What is left of a frame whose beginning has gone out.
    begun: Bytes,
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
    /// The close frame has gone out, or the connection is gone.
    Over,
}

impl Outbox {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        let state = State {
            queue: VecDeque::new(),
            begun: Bytes::new(),
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
        Self { limits, state: RefCell::new(state) }
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
        state.ping = true;
        state.wake_connection();
    }

    /// Answers a ping. Of several that were not yet answered, only the newest is.
    pub(crate) fn pong(&self, payload: &[u8]) {
        let mut state = self.state.borrow_mut();
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

    /// The connection takes the next slice; none ends it.
    pub(super) fn poll_slice(&self, cx: &Context<'_>) -> Poll<Option<Bytes>> {
        let mut state = self.state.borrow_mut();
        let slice = state.next_slice();
        if slice.is_some() {
            state.progress = Instant::now();
        }
        if state.waiting == 0
            && let Some(waker) = state.drained.take()
        {
            waker.wake();
        }
        match slice {
            Some(slice) => Poll::Ready(Some(slice)),
            None if state.phase == Phase::Over => Poll::Ready(None),
            None => {
                state.connection = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// The connection is gone, or has nobody at its other end.
    pub(crate) fn hang_up(&self) {
        let mut state = self.state.borrow_mut();
        state.phase = Phase::Over;
        state.drop_queue();
        state.begun = Bytes::new();
        (state.waiting, state.alone) = (0, 0);
        state.wake_connection();
        state.wake_ended();
        if let Some(waker) = state.drained.take() {
            waker.wake();
        }
    }
}

impl State {
    fn next_slice(&mut self) -> Option<Bytes> {
        if self.begun.is_empty() {
            if let Some(control) = self.next_control() {
                return Some(control);
            }
            let Some(frame) = self.queue.pop_front() else { return self.end() };
            self.begun = frame;
        }
        let length = self.begun.len().min(SLICE);
        self.waiting -= length;
        self.alone = self.alone.saturating_sub(length);
        Some(self.begun.split_to(length))
    }

    fn next_control(&mut self) -> Option<Bytes> {
        if let Some(pong) = self.pong.take() {
            return Some(pong);
        }
        std::mem::take(&mut self.ping).then(frame::ping)
    }

    fn end(&mut self) -> Option<Bytes> {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Open => {
                self.phase = Phase::Open;
                None
            }
            Phase::Closing(close) => Some(close),
            Phase::Over => None,
        }
    }

    fn drop_queue(&mut self) {
        self.queue = VecDeque::new();
        self.waiting = self.begun.len();
        self.alone = self.alone.min(self.waiting);
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
    /// What a connection would take next.
    pub(crate) fn taken(&self) -> Option<Bytes> {
        match self.poll_slice(&Context::from_waker(Waker::noop())) {
            Poll::Ready(slice) => slice,
            Poll::Pending => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use bytes::Bytes;
    use tokio::time::{Duration, advance};

    use super::{Outbox, Pushed, QueueLimits, Rest, SLICE, Weight};
    use crate::fanout::{Budget, Frame, frame};
    use Weight::{Durable, Ephemeral};

    const LIMITS: QueueLimits = QueueLimits { soft: 100, hard: 200 };

    fn frame_of(length: usize) -> Frame {
        Frame::text(&Budget::new(0), length, |out| out.resize(out.len() + length, b'x'))
    }

    fn take(outbox: &Outbox) -> Poll<Option<Bytes>> {
        outbox.poll_slice(&Context::from_waker(Waker::noop()))
    }

    fn all(outbox: &Outbox) -> Vec<Bytes> {
        std::iter::from_fn(|| outbox.taken()).collect()
    }

    #[tokio::test]
    async fn behind_the_first_frame_of_any_size_ephemera_are_refused_before_others() {
        for first in [90, 5000] {
            let outbox = Outbox::new(LIMITS);

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
    async fn large_frames_go_in_slices_and_nothing_gets_between_them() {
        let outbox = Outbox::new(LIMITS);
        let large = frame_of(2 * SLICE);
        assert_eq!(outbox.push(&large, Durable), Pushed::Queued);
        let first = take(&outbox);
        outbox.pong(b"a");
        outbox.ping();
        outbox.close(Some(1001), Rest::Dropped);

        let rest = all(&outbox);

        assert_eq!(first.map(|slice| slice.map(|s| s.len())), Poll::Ready(Some(SLICE)));
        let lengths: Vec<_> = rest.iter().map(Bytes::len).collect();
        assert_eq!(lengths, [SLICE, 4, 3, 2, 4]);
        assert_eq!(rest.last(), Some(&frame::close(Some(1001))));
        assert_eq!(take(&outbox), Poll::Ready(None));
    }

    #[tokio::test]
    async fn a_flood_of_pings_is_answered_with_its_newest() {
        let outbox = Outbox::new(LIMITS);
        for n in 0..1000_u16 {
            outbox.pong(&n.to_be_bytes());
        }

        assert_eq!(all(&outbox), [frame::pong(&999_u16.to_be_bytes())]);
    }

    #[tokio::test]
    async fn closing_sends_what_waits_or_drops_it() {
        for (rest, want) in [(Rest::Sent, 2), (Rest::Dropped, 1)] {
            let outbox = Outbox::new(LIMITS);
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
        let outbox = Outbox::new(LIMITS);
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
