use std::error::Error;
use std::sync::Arc;

/// A port failed: a lost connection, a timeout, a row that no longer parses.
///
/// Callers cannot act on the cause. The adapter that answers the client logs it once; clients never
/// see it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{operation} failed")]
pub struct BackendError {
    operation: &'static str,
    source: Arc<dyn Error + Send + Sync>,
}

impl BackendError {
    /// Wraps `source`, which occurred during `operation` (such as "commit a batch").
    pub fn new(operation: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { operation, source: source.into().into() }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store is unreachable or its answer was lost, so the write may or may not have
    /// happened. A retry may help.
    #[error(transparent)]
    Unreachable(BackendError),
    /// The store refused and wrote nothing. A retry will not help.
    #[error(transparent)]
    Failed(BackendError),
}

impl From<StoreError> for BackendError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unreachable(cause) | StoreError::Failed(cause) => cause,
        }
    }
}

/// Formats an error with its causes, for the log.
#[must_use]
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
