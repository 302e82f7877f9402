//! Waiting for a store that is away.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long a socket waits for the store before it is closed.
const LIMIT: Duration = Duration::from_secs(30);
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(2);

/// Pauses between attempts, each longer than the last, until there have been enough.
#[derive(Debug)]
pub(super) struct Patience {
    until: Instant,
    pause: Duration,
}

impl Patience {
    /// From the first attempt.
    pub(super) fn new() -> Self {
        Self { until: Instant::now() + LIMIT, pause: FIRST }
    }

    /// Waits for the next attempt; false once there should be none.
    pub(super) async fn wait(&mut self) -> bool {
        if Instant::now() + self.pause > self.until {
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

    use super::Patience;

    #[tokio::test(start_paused = true)]
    async fn it_ends_within_thirty_seconds() {
        let began = Instant::now();
        let mut patience = Patience::new();
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
