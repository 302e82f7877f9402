//! The way from the hub to the sockets of this process: one message per worker
//! and delivery, a loop over the sockets of that worker, and for each of them a
//! bounded queue of shared frames. What the frames say is a face's business.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use application::ports::{Delivery, LocalBroadcast};
use async_trait::async_trait;
use tokio::sync::mpsc;

/// Deliveries that may wait for a worker; the hub waits for room past that.
const WAITING: usize = 1024;

/// Hands deliveries to every worker that has attached itself.
#[derive(Debug, Default)]
pub struct Fanout {
    /// Held while a delivery goes to all workers, so that all get them in one order.
    order: tokio::sync::Mutex<()>,
    // Replaced as a whole, so that nobody holds the lock while it waits.
    workers: Mutex<Arc<[mpsc::Sender<Delivery>]>>,
}

impl Fanout {
    /// Without workers: deliveries are dropped until one attaches.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The deliveries of one worker, from now on. It is forgotten once this is dropped.
    pub fn attach(&self) -> mpsc::Receiver<Delivery> {
        let (worker, deliveries) = mpsc::channel(WAITING);
        let mut workers = self.workers();
        *workers = workers.iter().filter(|w| !w.is_closed()).cloned().chain([worker]).collect();
        deliveries
    }

    fn forget_the_gone(&self) {
        let mut workers = self.workers();
        *workers = workers.iter().filter(|worker| !worker.is_closed()).cloned().collect();
    }

    fn workers(&self) -> MutexGuard<'_, Arc<[mpsc::Sender<Delivery>]>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl LocalBroadcast for Fanout {
    async fn deliver(&self, delivery: Delivery) {
        let _turn = self.order.lock().await;
        let workers = Arc::clone(&*self.workers());
        let mut is_gone = false;
        for worker in &*workers {
            is_gone |= worker.send(delivery.clone()).await.is_err();
        }
        if is_gone {
            self.forget_the_gone();
        }
    }
}

#[cfg(test)]
mod tests {
    use application::ports::{Delivery, LocalBroadcast as _};
    use domain::UserId;

    use super::Fanout;

    #[tokio::test]
    async fn every_worker_gets_every_delivery_and_one_that_is_gone_is_forgotten() {
        let fanout = Fanout::new();
        let (mut first, second) = (fanout.attach(), fanout.attach());
        let delivery = |n| Delivery::Recheck(UserId::new(n));

        fanout.deliver(delivery(1)).await;
        drop(second);
        fanout.deliver(delivery(2)).await;

        assert_eq!(first.recv().await, Some(delivery(1)));
        assert_eq!(first.recv().await, Some(delivery(2)));
        assert_eq!(fanout.workers().len(), 1);
    }
}
