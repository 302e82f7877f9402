//! Not asking one who does not answer.

use std::error::Error;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long Redis is not asked after it did not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// Remembers whether it answered.
#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<Option<Instant>>);

impl Breaker {
    /// Whether it is not to be asked now.
    pub(super) fn is_open(&self) -> bool {
        self.until().is_some_and(|until| Instant::now() < until)
    }

    pub(super) fn answered(&self) {
        if self.until().take().is_some() {
            tracing::info!("rates are limited over all nodes again");
        }
    }

    pub(super) fn failed(&self, error: Option<&(dyn Error + 'static)>) {
        if self.until().replace(Instant::now() + PAUSE).is_none() {
            tracing::warn!(error, "Redis does not answer: rates are limited on this node alone");
        }
    }

    fn until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
