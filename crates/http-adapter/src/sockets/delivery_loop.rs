//! The loop of one worker.

use std::rc::Rc;
use std::time::Duration;

use actix_web::rt;
use application::ports::Delivery;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::websocket::Flusher;

/// Deliveries that are handled before any connection runs again.
const BATCH: usize = 256;
/// Three times what a write costs: under load a third of the time is spent writing, and
/// what comes meanwhile costs next to nothing more.
const PACE_PER_SOCKET: Duration = Duration::from_micros(40);
/// Longest time for which a write is held back.
const LONGEST_PACE: Duration = Duration::from_millis(20);

/// What has sockets on a worker, and knows what to tell them.
pub(crate) trait Protocol: 'static {
    /// Tells the sockets what they are to know.
    fn deliver(&self, delivery: Delivery);

    /// All that was ready has been delivered.
    fn settle(&self);

    /// Does what is due, and says when to be called again.
    fn tick(&self, now: Instant) -> Instant;

    /// How many sockets there are.
    fn sockets(&self) -> usize;

    /// Closes them all, and those that come later.
    fn stop(&self);

    /// Writes to them.
    fn flusher(&self) -> &Rc<Flusher>;
}

/// The loops of one worker, which end when this is dropped.
#[derive(Debug)]
pub(crate) struct DeliveryLoop([rt::task::JoinHandle<()>; 2]);

impl DeliveryLoop {
    /// Must be called on the worker.
    pub(crate) fn start(
        face: Rc<impl Protocol>,
        deliveries: mpsc::Receiver<Delivery>,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let flusher = Rc::clone(face.flusher());
        let flushing = rt::spawn(async move { flusher.run().await });
        Self([rt::spawn(run(face, deliveries, stopping)), flushing])
    }
}

impl Drop for DeliveryLoop {
    fn drop(&mut self) {
        self.0.iter().for_each(rt::task::JoinHandle::abort);
    }
}

async fn run(
    face: Rc<impl Protocol>,
    mut deliveries: mpsc::Receiver<Delivery>,
    mut stopping: watch::Receiver<bool>,
) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut next_flush = Instant::now();
    let mut next_tick = next_flush;
    let mut is_stopped = false;
    loop {
        let is_held = next_flush > Instant::now();
        tokio::select! {
            biased;
            // Without its sender nobody is left who could stop us otherwise.
            _ = stopping.wait_for(|stop| *stop), if !is_stopped => {
                is_stopped = true;
                while let Ok(delivery) = deliveries.try_recv() {
                    face.deliver(delivery);
                }
                face.stop();
            }
            () = sleep_until(next_tick) => next_tick = face.tick(Instant::now()),
            () = sleep_until(next_flush), if is_held => {}
            count = deliveries.recv_many(&mut batch, BATCH), if !is_held => {
                if count == 0 {
                    return;
                }
                for delivery in batch.drain(..) {
                    face.deliver(delivery);
                }
                face.settle();
                let now = Instant::now();
                next_flush = now + pace(face.sockets());
                next_tick = next_tick.min(face.tick(now));
            }
        }
    }
}

/// How long nothing is written after a write to all sockets: what comes
/// meanwhile leaves in one write. After a pause nothing is held back.
fn pace(sockets: usize) -> Duration {
    let sockets = u32::try_from(sockets).unwrap_or(u32::MAX);
    let pace = PACE_PER_SOCKET.saturating_mul(sockets).min(LONGEST_PACE);
    // Less than the timer can tell apart would be held back for too long.
    if pace < Duration::from_millis(2) { Duration::ZERO } else { pace }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;
    use std::time::Duration;

    use application::ports::Delivery;
    use domain::UserId;
    use tokio::sync::{mpsc, watch};
    use tokio::task::LocalSet;
    use tokio::time::{Instant, sleep};

    use super::{Protocol, run};
    use crate::websocket::Flusher;

    /// Notes what came, and when what had come was settled.
    struct Recorder {
        sockets: usize,
        waiting: RefCell<usize>,
        flushes: RefCell<Vec<(Duration, usize)>>,
        began: Instant,
        flusher: Rc<Flusher>,
    }

    impl Protocol for Recorder {
        fn deliver(&self, _: Delivery) {
            *self.waiting.borrow_mut() += 1;
        }

        fn settle(&self) {
            let flush = (self.began.elapsed(), self.waiting.take());
            self.flushes.borrow_mut().push(flush);
        }

        fn tick(&self, now: Instant) -> Instant {
            now + Duration::from_hours(1)
        }

        fn sockets(&self) -> usize {
            self.sockets
        }

        fn stop(&self) {}

        fn flusher(&self) -> &Rc<Flusher> {
            &self.flusher
        }
    }

    /// Flushes of ten deliveries, one in 3 ms, to `sockets` sockets.
    async fn flushes(sockets: usize) -> Vec<(Duration, usize)> {
        let face = Rc::new(Recorder {
            sockets,
            waiting: RefCell::default(),
            flushes: RefCell::default(),
            began: Instant::now(),
            flusher: Rc::default(),
        });
        let (sender, deliveries) = mpsc::channel(64);
        let (_stop, stopping) = watch::channel(false);
        let feed = async move {
            for n in 0..10 {
                sender.send(Delivery::Recheck(UserId::new(n))).await.unwrap();
                sleep(Duration::from_millis(3)).await;
            }
        };
        let local = LocalSet::new();
        local
            .run_until(async { tokio::join!(run(Rc::clone(&face), deliveries, stopping), feed) })
            .await;
        face.flushes.take()
    }

    #[tokio::test(start_paused = true)]
    async fn writes_are_held_back_under_load_and_never_after_a_pause() {
        let few = flushes(10).await;
        let many = flushes(5000).await;

        assert_eq!(few.len(), 10);
        let counts: Vec<_> = many.iter().map(|(_, count)| *count).collect();
        assert_eq!((many[0], counts), ((Duration::ZERO, 1), vec![1, 6, 3]));
        assert!(many.windows(2).all(|w| w[1].0 <= w[0].0 + Duration::from_millis(21)));
    }
}
