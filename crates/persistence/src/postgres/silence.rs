//! Notices a database that does not answer.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// The longest wait for the next bytes of an answer. It bounds each round trip and not the work, so
/// that work with several round trips succeeds over a slow network.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(2);

/// When bytes last came from the server of a connection. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct LastReceived(Arc<Mutex<Option<Instant>>>);

#[derive(Debug, thiserror::Error)]
#[error("the database sent nothing for {SILENCE_TIMEOUT:?}")]
pub(super) struct Silent;

impl LastReceived {
    pub(super) fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn get(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Awaits work that consists of requests to the server. Fails once the server is silent.
    pub(super) async fn while_answered<F: Future>(&self, work: F) -> Result<F::Output, Silent> {
        let mut work = pin!(work);
        let mut since = Instant::now();
        loop {
            if let Ok(done) = timeout_at(since + SILENCE_TIMEOUT, &mut work).await {
                return Ok(done);
            }
            match self.get() {
                Some(last) if last > since => since = last,
                _ => return Err(Silent),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_may_take_long_while_the_server_answers() {
        let received = LastReceived::default();
        let work = async {
            for _ in 0..5 {
                sleep(SILENCE_TIMEOUT * 9 / 10).await;
                received.note();
            }
        };

        assert!(received.while_answered(work).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn work_fails_after_a_silence() {
        let received = LastReceived::default();
        received.note();
        sleep(SILENCE_TIMEOUT).await;
        let began = Instant::now();
        let work = async {
            sleep(SILENCE_TIMEOUT / 2).await;
            received.note();
            std::future::pending::<()>().await;
        };

        assert!(received.while_answered(work).await.is_err());
        assert_eq!(began.elapsed(), SILENCE_TIMEOUT * 3 / 2);
    }
}
