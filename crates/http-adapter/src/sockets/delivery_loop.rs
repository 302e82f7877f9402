//! The loop that delivers to the sockets of one worker.

use std::rc::Rc;
use std::time::Duration;

use actix_web::rt;
use application::ports::Delivery;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::websocket::Flusher;

/// Deliveries that the loop handles before it yields to other tasks of the worker.
const BATCH: usize = 256;
/// Three times the cost of a write. Under load, the worker writes for a third of the time, and
/// frames from the other two thirds share these writes.
const PACE_PER_SOCKET: Duration = Duration::from_micros(40);
/// The longest delay of a write.
const MAX_PACE: Duration = Duration::from_millis(20);

/// The sockets that the loop delivers to.
pub(super) trait Recipients: 'static {
    fn deliver(&self, delivery: Delivery);

    /// Called after all ready deliveries.
    fn settle(&self);

    /// Runs periodic work, and returns the time of the next call.
    fn tick(&self, now: Instant) -> Instant;

    fn count(&self) -> usize;

    /// Closes all sockets, and every later one.
    fn stop(&self);
}

/// The tasks of one worker. Dropping this ends them.
#[derive(Debug)]
pub(super) struct DeliveryLoop([rt::task::JoinHandle<()>; 2]);

impl DeliveryLoop {
    /// Must be called on the worker.
    pub(super) fn start(
        recipients: Rc<impl Recipients>,
        flusher: Rc<Flusher>,
        deliveries: mpsc::Receiver<Delivery>,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let flushing = rt::spawn(async move { flusher.run().await });
        Self([rt::spawn(run(recipients, deliveries, stopping)), flushing])
    }
}

impl Drop for DeliveryLoop {
    fn drop(&mut self) {
        self.0.iter().for_each(rt::task::JoinHandle::abort);
    }
}

async fn run(
    recipients: Rc<impl Recipients>,
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
            // A dropped sender counts as a stop, because nothing else could stop the sockets.
            _ = stopping.wait_for(|stop| *stop), if !is_stopped => {
                is_stopped = true;
                while let Ok(delivery) = deliveries.try_recv() {
                    recipients.deliver(delivery);
                }
                recipients.stop();
            }
            () = sleep_until(next_tick) => next_tick = recipients.tick(Instant::now()),
            () = sleep_until(next_flush), if is_held => {}
            count = deliveries.recv_many(&mut batch, BATCH), if !is_held => {
                if count == 0 {
                    return;
                }
                for delivery in batch.drain(..) {
                    recipients.deliver(delivery);
                }
                recipients.settle();
                let now = Instant::now();
                next_flush = now + pace(recipients.count());
                next_tick = next_tick.min(recipients.tick(now));
            }
        }
    }
}

/// The delay of deliveries after a write to all sockets, so that frames share writes under load.
/// The first delivery after a pause is not delayed.
fn pace(sockets: usize) -> Duration {
    let sockets = u32::try_from(sockets).unwrap_or(u32::MAX);
    let pace = PACE_PER_SOCKET.saturating_mul(sockets).min(MAX_PACE);
    // Timers are too coarse for shorter delays.
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

    use super::{Recipients, run};

    /// Records the time of each flush, and the deliveries before it.
    struct Recorder {
        sockets: usize,
        waiting: RefCell<usize>,
        flushes: RefCell<Vec<(Duration, usize)>>,
        began: Instant,
    }

    impl Recipients for Recorder {
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

        fn count(&self) -> usize {
            self.sockets
        }

        fn stop(&self) {}
    }

    /// The flushes of ten deliveries, 3 ms apart, to this many sockets.
    async fn flushes(sockets: usize) -> Vec<(Duration, usize)> {
        let recipients = Rc::new(Recorder {
            sockets,
            waiting: RefCell::default(),
            flushes: RefCell::default(),
            began: Instant::now(),
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
            .run_until(async {
                tokio::join!(run(Rc::clone(&recipients), deliveries, stopping), feed)
            })
            .await;
        recipients.flushes.take()
    }

    #[tokio::test(start_paused = true)]
    async fn writes_are_delayed_only_under_load() {
        let few = flushes(10).await;
        let many = flushes(5000).await;

        assert_eq!(few.len(), 10);
        let counts: Vec<_> = many.iter().map(|(_, count)| *count).collect();
        assert_eq!((many[0], counts), ((Duration::ZERO, 1), vec![1, 6, 3]));
        assert!(many.windows(2).all(|w| w[1].0 <= w[0].0 + Duration::from_millis(21)));
    }
}
