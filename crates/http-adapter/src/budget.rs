//! A soft limit on the memory that clients use in this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts the bytes of requests and queued frames. Cheap to clone.
///
/// Charging never fails. While the budget is exceeded, the server refuses large requests and drops
/// the longest queues.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Counter>);

#[derive(Debug)]
struct Counter {
    used: AtomicUsize,
    limit: usize,
}

impl Budget {
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Counter { used: AtomicUsize::new(0), limit }))
    }

    #[must_use]
    pub fn used(&self) -> usize {
        self.0.used.load(Ordering::Relaxed)
    }

    #[must_use]
    pub fn is_exceeded(&self) -> bool {
        self.used() > self.0.limit
    }

    pub(crate) fn charge(&self, bytes: usize) -> Charge {
        self.0.used.fetch_add(bytes, Ordering::Relaxed);
        Charge { budget: self.clone(), bytes }
    }
}

/// Bytes charged to the budget until this is dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    budget: Budget,
    bytes: usize,
}

impl Charge {
    pub(crate) fn resize(&mut self, bytes: usize) {
        // The addition wraps, so that a negative difference subtracts.
        let difference = bytes.wrapping_sub(self.bytes);
        self.budget.0.used.fetch_add(difference, Ordering::Relaxed);
        self.bytes = bytes;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.resize(0);
    }
}
