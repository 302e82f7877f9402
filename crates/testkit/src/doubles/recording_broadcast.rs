//! A local broadcast that records deliveries.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use application::ports::{Delivery, LocalBroadcast};
use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::TEST_TIMEOUT;

/// Keeps the newest [`RecordingBroadcast::CAPACITY`] deliveries.
#[derive(Debug, Default)]
pub struct RecordingBroadcast {
    deliveries: Mutex<VecDeque<Delivery>>,
    arrival: Notify,
}

impl RecordingBroadcast {
    /// Older deliveries are dropped.
    pub const CAPACITY: usize = 65_536;

    /// The oldest first.
    #[must_use]
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.lock().iter().cloned().collect()
    }

    /// Returns the deliveries and clears them.
    #[must_use]
    pub fn take(&self) -> Vec<Delivery> {
        self.lock().drain(..).collect()
    }

    /// Waits until `enough` holds for the deliveries, for at most
    /// [`TEST_TIMEOUT`], and returns them.
    pub async fn wait_for(&self, enough: impl Fn(&[Delivery]) -> bool) -> Vec<Delivery> {
        let satisfied = async {
            loop {
                let arrival = self.arrival.notified();
                tokio::pin!(arrival);
                arrival.as_mut().enable();
                let deliveries = self.deliveries();
                if enough(&deliveries) {
                    return deliveries;
                }
                arrival.await;
            }
        };
        let in_time = timeout(TEST_TIMEOUT, satisfied).await;
        in_time.unwrap_or_else(|_| panic!("not in time; delivered: {:?}", self.deliveries()))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Delivery>> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl LocalBroadcast for RecordingBroadcast {
    async fn deliver(&self, delivery: Delivery) {
        {
            let mut deliveries = self.lock();
            if deliveries.len() == Self::CAPACITY {
                deliveries.pop_front();
            }
            deliveries.push_back(delivery);
        }
        self.arrival.notify_waiters();
    }
}
