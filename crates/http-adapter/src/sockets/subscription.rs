//! The state of one subscription on a socket.

use std::mem;
use std::rc::Rc;

use domain::Seq;

/// Batches, and bytes of batches, that are buffered while the client catches up.
const MAX_BUFFERED: usize = 64;
const MAX_BUFFERED_BYTES: usize = 256 * 1024;

/// Changes of a conversation in one delivery.
pub(crate) trait Batch {
    /// The newest change.
    fn to(&self) -> Seq;

    /// The approximate memory use.
    fn bytes(&self) -> usize;
}

/// Decides for each batch whether to send it now, after the client has caught up, or never, so that
/// the client misses no change and gets none twice.
#[derive(Debug)]
pub(crate) struct Subscription<B> {
    state: State<B>,
    attempts: u64,
}

#[derive(Debug)]
enum State<B> {
    Unsubscribed,
    /// The client is getting earlier changes. New batches are buffered.
    CatchingUp {
        attempt: Attempt,
        buffered: Vec<Rc<B>>,
        bytes: usize,
        /// The newest batch that could not be buffered.
        overflow: Option<Rc<B>>,
        /// The client has missed batches up to here, and must catch up at least this far.
        required: Seq,
        /// The cursor before the catch-up, if the client could resume there.
        resume_at: Option<Seq>,
    },
    Live {
        cursor: Seq,
    },
    /// The rights of the client have changed. It gets nothing until they are read again.
    Stale,
}

/// Identifies a catch-up, so that a cancelled one is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attempt(u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// Changes up to this one were sent.
    UpTo(Seq),
    /// Sending stopped at a change of the client's rights.
    Stale,
    OutboxFull,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivered {
    Sent,
    Buffered,
    /// The client is not subscribed. A full outbox also unsubscribes it.
    Unsubscribed,
    /// Nothing is sent while the subscription is stale.
    Stale,
}

#[derive(Debug)]
pub(crate) enum CaughtUp<B> {
    Live,
    /// The buffer overflowed. The client must catch up further.
    Behind,
    /// The client was unsubscribed, or another catch-up has begun.
    Cancelled,
    Stale,
    /// The outbox is full, so the client was unsubscribed. Holds the unsent batches.
    OutboxFull(Vec<Rc<B>>),
}

impl<B> Default for Subscription<B> {
    fn default() -> Self {
        Self { state: State::Unsubscribed, attempts: 0 }
    }
}

impl<B: Batch> Subscription<B> {
    pub(crate) fn is_unsubscribed(&self) -> bool {
        matches!(self.state, State::Unsubscribed)
    }

    pub(crate) fn is_live(&self) -> bool {
        matches!(self.state, State::Live { .. })
    }

    pub(crate) fn is_stale(&self) -> bool {
        matches!(self.state, State::Stale)
    }

    pub(crate) fn is_catching_up(&self, attempt: Attempt) -> bool {
        matches!(self.state, State::CatchingUp { attempt: current, .. } if current == attempt)
    }

    /// Sends a batch by `send`, which gets the cursor of the client, or buffers it.
    pub(crate) fn deliver(
        &mut self,
        batch: &Rc<B>,
        send: impl FnOnce(&B, Seq) -> Sent,
    ) -> Delivered {
        match &mut self.state {
            State::Unsubscribed => Delivered::Unsubscribed,
            State::Stale => Delivered::Stale,
            State::CatchingUp { buffered, bytes, overflow, required, .. } => {
                *bytes += batch.bytes();
                let fits = buffered.len() < MAX_BUFFERED && *bytes <= MAX_BUFFERED_BYTES;
                if fits && overflow.is_none() {
                    buffered.push(Rc::clone(batch));
                } else {
                    *overflow = Some(Rc::clone(batch));
                    *required = batch.to();
                }
                Delivered::Buffered
            }
            State::Live { cursor } => match send(batch, *cursor) {
                Sent::UpTo(seq) => {
                    *cursor = seq.max(*cursor);
                    Delivered::Sent
                }
                Sent::Stale => {
                    self.state = State::Stale;
                    Delivered::Stale
                }
                Sent::OutboxFull => {
                    self.state = State::Unsubscribed;
                    Delivered::Unsubscribed
                }
            },
        }
    }

    /// Buffers batches until the client has caught up. Cancels a pending catch-up, but keeps its
    /// buffer.
    pub(crate) fn catch_up(&mut self) -> Attempt {
        let attempt = Attempt(self.attempts);
        self.attempts += 1;
        let mut resume = None;
        match &mut self.state {
            State::CatchingUp { attempt: current, overflow: None, .. } => {
                *current = attempt;
                return attempt;
            }
            State::Live { cursor } => resume = Some(*cursor),
            State::CatchingUp { .. } | State::Unsubscribed | State::Stale => {}
        }
        self.state = State::CatchingUp {
            attempt,
            buffered: Vec::new(),
            bytes: 0,
            overflow: None,
            required: Seq::ZERO,
            resume_at: resume,
        };
        attempt
    }

    /// Whether a client that is caught up to `seq` misses batches that were not buffered.
    pub(crate) fn is_behind(&self, seq: Seq) -> bool {
        matches!(self.state, State::CatchingUp { required, .. } if required > seq)
    }

    /// Ends a catch-up to `seq`, and sends the newer batches of the buffer.
    pub(crate) fn finish(
        &mut self,
        attempt: Attempt,
        seq: Seq,
        send: impl FnMut(&B, Seq) -> Sent,
    ) -> CaughtUp<B> {
        if !self.is_catching_up(attempt) {
            return CaughtUp::Cancelled;
        }
        let is_behind = self.is_behind(seq);
        let State::CatchingUp { buffered, bytes, overflow, resume_at, .. } = &mut self.state else {
            return CaughtUp::Cancelled;
        };
        if is_behind {
            if let Some(newest) = overflow.take() {
                // The newest missed batch, if the client is unsubscribed now.
                *bytes = newest.bytes();
                *buffered = vec![newest];
                *resume_at = None;
            }
            return CaughtUp::Behind;
        }
        let buffered = mem::take(buffered);
        self.go_live(seq, buffered, send)
    }

    /// Resumes at the cursor before the catch-up, if no batch is missing.
    pub(crate) fn resume(&mut self, send: impl FnMut(&B, Seq) -> Sent) -> Option<CaughtUp<B>> {
        let State::CatchingUp { buffered, overflow: None, resume_at: Some(seq), .. } =
            &mut self.state
        else {
            return None;
        };
        let (seq, buffered) = (*seq, mem::take(buffered));
        Some(self.go_live(seq, buffered, send))
    }

    fn go_live(
        &mut self,
        cursor: Seq,
        buffered: Vec<Rc<B>>,
        mut send: impl FnMut(&B, Seq) -> Sent,
    ) -> CaughtUp<B> {
        self.state = State::Live { cursor };
        let mut buffered = buffered.into_iter();
        while let Some(batch) = buffered.next() {
            match self.deliver(&batch, &mut send) {
                Delivered::Sent | Delivered::Buffered => {}
                Delivered::Stale => return CaughtUp::Stale,
                Delivered::Unsubscribed => {
                    return CaughtUp::OutboxFull(std::iter::once(batch).chain(buffered).collect());
                }
            }
        }
        CaughtUp::Live
    }

    /// Stops sending until the client subscribes again. Returns the buffered batches.
    pub(crate) fn unsubscribe(&mut self) -> Vec<Rc<B>> {
        match mem::replace(&mut self.state, State::Unsubscribed) {
            State::CatchingUp { mut buffered, overflow, .. } => {
                buffered.extend(overflow);
                buffered
            }
            State::Unsubscribed | State::Live { .. } | State::Stale => Vec::new(),
        }
    }

    pub(crate) fn mark_stale(&mut self) {
        self.state = State::Stale;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use domain::Seq;

    use super::{Batch, CaughtUp, Delivered, MAX_BUFFERED, MAX_BUFFERED_BYTES, Sent, Subscription};

    /// The changes of one batch.
    #[derive(Debug)]
    struct Changes(Vec<i64>, usize);

    impl Batch for Changes {
        fn to(&self) -> Seq {
            Seq::new(self.0.last().copied().unwrap_or_default())
        }

        fn bytes(&self) -> usize {
            self.1
        }
    }

    /// A client that takes changes until its outbox is full.
    #[derive(Default)]
    struct Client {
        subscription: Subscription<Changes>,
        received: RefCell<Vec<i64>>,
        is_full: bool,
    }

    fn batch(changes: &[i64]) -> Rc<Changes> {
        Rc::new(Changes(changes.to_vec(), 1))
    }

    impl Client {
        fn live(cursor: i64) -> Self {
            let mut client = Self::default();
            let attempt = client.subscription.catch_up();
            let caught_up =
                client.subscription.finish(attempt, Seq::new(cursor), |_, seq| Sent::UpTo(seq));
            assert!(matches!(caught_up, CaughtUp::Live));
            client
        }

        fn send(received: &RefCell<Vec<i64>>, is_full: bool) -> impl FnMut(&Changes, Seq) -> Sent {
            move |batch, cursor| {
                if is_full {
                    return Sent::OutboxFull;
                }
                for change in batch.0.iter().filter(|change| **change > cursor.get()) {
                    received.borrow_mut().push(*change);
                    // Stands for a change that revokes a right.
                    if *change == 666 {
                        return Sent::Stale;
                    }
                }
                Sent::UpTo(batch.to().max(cursor))
            }
        }

        fn deliver(&mut self, batch: &Rc<Changes>) -> Delivered {
            self.subscription.deliver(batch, Self::send(&self.received, self.is_full))
        }

        fn finish(&mut self, attempt: super::Attempt, seq: i64) -> CaughtUp<Changes> {
            let send = Self::send(&self.received, self.is_full);
            self.subscription.finish(attempt, Seq::new(seq), send)
        }

        fn resume(&mut self) -> Option<CaughtUp<Changes>> {
            self.subscription.resume(Self::send(&self.received, self.is_full))
        }

        fn received(&self) -> Vec<i64> {
            self.received.borrow().clone()
        }
    }

    #[test]
    fn nothing_is_sent_before_subscribing_or_after_unsubscribing() {
        let mut client = Client::default();
        assert_eq!(client.deliver(&batch(&[1])), Delivered::Unsubscribed);

        let mut client = Client::live(1);
        assert_eq!(client.deliver(&batch(&[2])), Delivered::Sent);
        assert!(client.subscription.unsubscribe().is_empty());

        assert_eq!(client.deliver(&batch(&[3])), Delivered::Unsubscribed);
        assert_eq!(client.received(), [2]);
    }

    #[test]
    fn buffered_batches_follow_a_snapshot_unless_it_contains_them() {
        let mut client = Client::default();
        let attempt = client.subscription.catch_up();
        for changes in [&[1, 2][..], &[3, 4], &[5]] {
            assert_eq!(client.deliver(&batch(changes)), Delivered::Buffered);
        }

        assert!(matches!(client.finish(attempt, 3), CaughtUp::Live));

        assert_eq!(client.deliver(&batch(&[4, 5])), Delivered::Sent);
        assert_eq!(client.deliver(&batch(&[6])), Delivered::Sent);
        assert_eq!(client.received(), [4, 5, 6]);
    }

    #[test]
    fn a_full_buffer_demands_a_newer_snapshot() {
        let many = (1..).take(MAX_BUFFERED + 1).map(|n| Rc::new(Changes(vec![n], 1)));
        let large = [MAX_BUFFERED_BYTES, 1].into_iter().zip(1..);
        let large = large.map(|(bytes, n)| Rc::new(Changes(vec![n], bytes)));
        for batches in [many.collect::<Vec<_>>(), large.collect()] {
            let newest = batches.last().unwrap().to().get();
            let mut client = Client::live(0);
            let attempt = client.subscription.catch_up();
            for batch in &batches {
                assert_eq!(client.deliver(batch), Delivered::Buffered);
            }

            assert!(client.subscription.is_behind(Seq::new(newest - 1)));
            assert!(matches!(client.finish(attempt, newest - 1), CaughtUp::Behind));
            assert!(matches!(client.finish(attempt, newest - 1), CaughtUp::Behind));
            assert!(client.resume().is_none(), "what was not buffered is missing");
            assert!(matches!(client.finish(attempt, newest), CaughtUp::Live));
            assert!(client.received().is_empty());
        }
    }

    #[test]
    fn a_snapshot_as_new_as_the_overflow_is_enough() {
        let mut client = Client::default();
        let attempt = client.subscription.catch_up();
        for n in 1..=100 {
            assert_eq!(client.deliver(&batch(&[n])), Delivered::Buffered);
        }

        assert!(matches!(client.finish(attempt, 100), CaughtUp::Live));
        assert_eq!(client.deliver(&batch(&[101])), Delivered::Sent);
        assert_eq!(client.received(), [101]);
    }

    #[test]
    fn a_catch_up_resumes_without_a_snapshot() {
        let mut client = Client::live(1);
        client.subscription.catch_up();
        assert_eq!(client.deliver(&batch(&[2])), Delivered::Buffered);

        assert!(matches!(client.resume(), Some(CaughtUp::Live)));
        assert!(client.resume().is_none());
        assert_eq!(client.received(), [2]);

        let mut new = Client::default();
        new.subscription.catch_up();
        assert!(new.resume().is_none());
    }

    #[test]
    fn a_newer_catch_up_cancels_the_earlier_one() {
        let mut client = Client::default();
        let first = client.subscription.catch_up();
        let second = client.subscription.catch_up();
        assert_eq!(client.deliver(&batch(&[1])), Delivered::Buffered);

        assert!(!client.subscription.is_catching_up(first));
        assert!(matches!(client.finish(first, 0), CaughtUp::Cancelled));
        assert!(matches!(client.finish(second, 0), CaughtUp::Live));
        assert!(matches!(client.finish(second, 0), CaughtUp::Cancelled));
        assert_eq!(client.received(), [1]);
    }

    #[test]
    fn a_full_outbox_unsubscribes_and_returns_unsent_batches() {
        let mut client = Client::live(0);
        client.is_full = true;
        assert_eq!(client.deliver(&batch(&[1])), Delivered::Unsubscribed);
        assert!(client.subscription.is_unsubscribed());

        let attempt = client.subscription.catch_up();
        for n in 2..=4 {
            assert_eq!(client.deliver(&batch(&[n])), Delivered::Buffered);
        }

        let CaughtUp::OutboxFull(unsent) = client.finish(attempt, 1) else {
            panic!("the outbox is not full")
        };
        assert_eq!(unsent.iter().map(|batch| batch.to().get()).collect::<Vec<_>>(), [2, 3, 4]);
        assert!(client.subscription.is_unsubscribed());
    }

    #[test]
    fn a_stale_subscription_sends_nothing_until_it_catches_up() {
        let mut client = Client::live(0);
        assert_eq!(client.deliver(&batch(&[1, 666, 667])), Delivered::Stale);
        assert_eq!(client.deliver(&batch(&[668])), Delivered::Stale);
        assert_eq!(client.received(), [1, 666]);

        let attempt = client.subscription.catch_up();
        assert!(client.resume().is_none());
        assert!(matches!(client.finish(attempt, 668), CaughtUp::Live));
        assert_eq!(client.deliver(&batch(&[669])), Delivered::Sent);
        assert_eq!(client.received(), [1, 666, 669]);
    }

    #[test]
    fn unsubscribing_during_a_catch_up_returns_the_buffer() {
        let mut client = Client::default();
        let attempt = client.subscription.catch_up();
        assert_eq!(client.deliver(&batch(&[1])), Delivered::Buffered);

        let missed = client.subscription.unsubscribe();

        assert_eq!(missed.len(), 1);
        assert!(matches!(client.finish(attempt, 1), CaughtUp::Cancelled));
    }
}
