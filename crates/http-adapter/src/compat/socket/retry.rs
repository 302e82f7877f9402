//! Retries while the store is unavailable.

use std::error::Error;
use std::time::Duration;

use application::ports::BackendError;
use tokio::time::{Instant, sleep};

/// How long a socket waits for the store before it is closed.
const LIMIT: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(2);

/// Pauses between attempts. Each is longer than the last, up to the limit in total.
#[derive(Debug)]
pub(super) struct Retry {
    until: Instant,
    pause: Duration,
    last: Option<BackendError>,
}

impl Retry {
    pub(super) fn new() -> Self {
        Self { until: Instant::now() + LIMIT, pause: FIRST_PAUSE, last: None }
    }

    /// Keeps the cause of a failed attempt for the log.
    pub(super) fn note(&mut self, error: BackendError) {
        self.last = Some(error);
    }

    /// Waits before the next attempt. Returns false once the limit is reached.
    pub(super) async fn wait(&mut self) -> bool {
        if Instant::now() + self.pause > self.until {
            let error = self.last.as_ref().map(|error| error as &(dyn Error + 'static));
            tracing::warn!(error, "the store stayed unavailable; closing the socket with 1013");
            return false;
        }
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(MAX_PAUSE);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::Retry;

    #[tokio::test(start_paused = true)]
    async fn retries_end_within_thirty_seconds() {
        let began = Instant::now();
        let mut retry = Retry::new();
        let mut attempts = 1;
        while retry.wait().await {
            attempts += 1;
        }

        assert!(
            began.elapsed() > Duration::from_secs(25) && began.elapsed() <= Duration::from_secs(30)
        );
        assert_eq!(attempts, 19);
    }
}
