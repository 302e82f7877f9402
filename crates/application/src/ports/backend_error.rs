//! Failures that are not about the chat.

use std::error::Error;

/// A port failed: a lost connection, a timeout, a row that no longer parses.
///
/// Callers cannot act on the cause; it is kept for the log, and reported to
/// clients as "try again later".
#[derive(Debug, thiserror::Error)]
#[error("{operation} failed")]
pub struct BackendError {
    operation: &'static str,
    source: Box<dyn Error + Send + Sync>,
}

impl BackendError {
    /// Wraps `source`, which happened during `operation` ("commit a batch").
    pub fn new(operation: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { operation, source: source.into() }
    }
}

/// Why a write was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store could not be reached, or its answer was lost: what was asked
    /// may or may not have been done. Trying again may help.
    #[error(transparent)]
    Unreachable(BackendError),
    /// The store refused: nothing was done. Trying the same again will not help.
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
