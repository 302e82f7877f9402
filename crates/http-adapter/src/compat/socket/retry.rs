//! Retries while the store is unavailable.

use std::time::Duration;

use application::ports::{BackendError, with_causes};
use tokio::time::{Instant, sleep};

use crate::sockets::SessionEnd;

/// How long a socket waits for the store before it is closed.
const LIMIT: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(2);

/// Pauses between attempts. Each is longer than the last, up to the limit in total.
#[derive(Debug)]
pub(super) struct Retry {
    until: Instant,
    pause: Duration,
}

impl Retry {
    pub(super) fn new() -> Self {
        Self { until: Instant::now() + LIMIT, pause: FIRST_PAUSE }
    }

    /// Waits after a failed attempt. Fails once the limit is reached. Logs the first failure and that one.
    pub(super) async fn wait(&mut self, cause: &BackendError) -> Result<(), SessionEnd> {
        if Instant::now() + self.pause > self.until {
            return Err(SessionEnd::failed(cause));
        }
        if self.pause == FIRST_PAUSE {
            let error = with_causes(cause);
            tracing::warn!(error, "a backend failed; the socket tries again for up to {LIMIT:?}");
        }
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(MAX_PAUSE);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use application::ports::BackendError;
    use tokio::time::Instant;

    use super::Retry;

    #[tokio::test(start_paused = true)]
    async fn retries_end_within_thirty_seconds() {
        let began = Instant::now();
        let mut retry = Retry::new();
        let cause = BackendError::new("read", "no connection");
        let mut attempts = 1;
        while retry.wait(&cause).await.is_ok() {
            attempts += 1;
        }

        assert!(
            began.elapsed() > Duration::from_secs(25) && began.elapsed() <= Duration::from_secs(30)
        );
        assert_eq!(attempts, 19);
    }
}
