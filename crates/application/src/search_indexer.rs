//! Keeps the search index up to date.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use crate::ports::{SearchIndex, StoreError, with_causes};

/// How long messages are collected before they are indexed, so that a search finds them within 2 s.
const COLLECT_TIME: Duration = Duration::from_secs(1);
/// Messages in one transaction, which delays others that write.
const BATCH: usize = 500;
/// How often to look for messages that a node did not index before it died.
const SWEEP: Duration = Duration::from_mins(1);
const RETRY: Duration = Duration::from_secs(1);

/// Wakes the task that indexes new messages. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SearchIndexer {
    written: mpsc::Sender<()>,
}

impl SearchIndexer {
    /// Also returns the task that the caller must run.
    #[must_use]
    pub fn new(index: Arc<dyn SearchIndex>) -> (Self, SearchIndexerTask) {
        let (sender, written) = mpsc::channel(1);
        (Self { written: sender }, SearchIndexerTask { index, written })
    }

    /// Messages were written.
    pub fn notify(&self) {
        // A full channel wakes the task anyway.
        let _may_be_full = self.written.try_send(());
    }
}

/// The task behind a [`SearchIndexer`].
pub struct SearchIndexerTask {
    index: Arc<dyn SearchIndex>,
    written: mpsc::Receiver<()>,
}

impl SearchIndexerTask {
    /// Runs until every [`SearchIndexer`] is dropped and all messages are indexed.
    pub async fn run(mut self) {
        let mut has_failed = false;
        loop {
            let wait = match self.index_all().await {
                Ok(()) => {
                    if std::mem::take(&mut has_failed) {
                        tracing::info!("new messages are indexed again");
                    }
                    SWEEP
                }
                Err(error) => {
                    if !std::mem::replace(&mut has_failed, true) {
                        tracing::warn!(
                            error = with_causes(&error),
                            "failed to index new messages, so searches miss them; retrying"
                        );
                    }
                    RETRY
                }
            };
            if let Ok(None) = timeout(wait, self.written.recv()).await {
                return;
            }
            let until = Instant::now() + COLLECT_TIME;
            while let Ok(Some(())) = timeout_at(until, self.written.recv()).await {}
        }
    }

    async fn index_all(&self) -> Result<(), StoreError> {
        while self.index.index_new(BATCH).await? > 0 {}
        Ok(())
    }
}
