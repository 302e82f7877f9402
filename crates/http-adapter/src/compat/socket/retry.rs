//! Waiting for a store that is away.

use std::error::Error;
use std::time::Duration;

use application::ports::BackendError;
use tokio::time::{Instant, sleep};

/// How long a socket waits for the store before it is closed.
const LIMIT: Duration = Duration::from_secs(30);
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(2);

/// Pauses between attempts, each longer than the last, until there have been enough.
#[derive(Debug)]
pub(super) struct Retry {
    until: Instant,
    pause: Duration,
    last: Option<BackendError>,
}

impl Retry {
    /// From the first attempt.
    pub(super) fn new() -> Self {
        Self { until: Instant::now() + LIMIT, pause: FIRST, last: None }
    }

    /// Why an attempt failed; told once it was the last.
    pub(super) fn note(&mut self, error: BackendError) {
        self.last = Some(error);
    }

    /// Waits for the next attempt; false once there should be none.
    pub(super) async fn wait(&mut self) -> bool {
        if Instant::now() + self.pause > self.until {
            let error = self.last.as_ref().map(|error| error as &(dyn Error + 'static));
            tracing::warn!(error, "a socket waited for the store in vain");
            return false;
        }
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::Retry;

    #[tokio::test(start_paused = true)]
    async fn it_ends_within_thirty_seconds() {
        let began = Instant::now();
        let mut patience = Retry::new();
        let mut attempts = 1;
        while patience.wait().await {
            attempts += 1;
        }

        assert!(
            began.elapsed() > Duration::from_secs(25) && began.elapsed() <= Duration::from_secs(30)
        );
        assert_eq!(attempts, 19);
    }
}
