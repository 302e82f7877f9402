//! Passes deliveries from the hub to the workers of this process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use application::ports::{Delivery, LocalBroadcast};
use async_trait::async_trait;
use tokio::sync::mpsc;

/// Deliveries queued for one worker. The hub waits while the queue is full.
const QUEUED: usize = 1024;

/// Sends every delivery to all attached workers. Without any, deliveries are dropped.
#[derive(Debug, Default)]
pub struct Fanout {
    /// Held while a delivery is sent, so that all workers get the same order.
    order: tokio::sync::Mutex<()>,
    // Replaced as a whole, so that the lock is not held while the hub waits for a worker.
    workers: Mutex<Arc<[mpsc::Sender<Delivery>]>>,
}

impl Fanout {
    /// Attaches a worker. Dropping the receiver detaches it.
    pub fn attach(&self) -> mpsc::Receiver<Delivery> {
        let (worker, deliveries) = mpsc::channel(QUEUED);
        self.replace_closed(Some(worker));
        deliveries
    }

    fn replace_closed(&self, new: Option<mpsc::Sender<Delivery>>) {
        let mut workers = self.workers();
        *workers = workers.iter().filter(|w| !w.is_closed()).cloned().chain(new).collect();
    }

    fn workers(&self) -> MutexGuard<'_, Arc<[mpsc::Sender<Delivery>]>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl LocalBroadcast for Fanout {
    async fn deliver(&self, delivery: Delivery) {
        let _guard = self.order.lock().await;
        let workers = Arc::clone(&*self.workers());
        let mut is_closed = false;
        for worker in &*workers {
            is_closed |= worker.send(delivery.clone()).await.is_err();
        }
        if is_closed {
            self.replace_closed(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use application::ports::{Delivery, LocalBroadcast as _};
    use domain::UserId;

    use super::Fanout;

    #[tokio::test]
    async fn every_worker_gets_every_delivery_until_it_detaches() {
        let fanout = Fanout::default();
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
