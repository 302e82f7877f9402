//! Why a unit of work failed, and whether a retry may help.

use std::error::Error;

use application::ports::{BackendError, StoreError};
use diesel::result::{DatabaseErrorKind, Error as QueryError};

type Cause = Box<dyn Error + Send + Sync>;

#[derive(Debug)]
pub(crate) enum Failure {
    /// A retry may help. Whether a write was committed is unknown.
    Unreachable(Cause),
    /// Nothing was written, and a retry would fail again.
    Failed(Cause),
    /// The database reported an error that diesel does not classify.
    /// Each dialect converts it to one of the other two by [`Self::classify`].
    Unclassified(QueryError),
}

impl Failure {
    /// Classifies an error that diesel does not.
    pub(crate) fn classify(self, is_transient: impl FnOnce(&QueryError) -> bool) -> Self {
        match self {
            Self::Unclassified(error) if is_transient(&error) => Self::Unreachable(error.into()),
            Self::Unclassified(error) => Self::Failed(error.into()),
            failure => failure,
        }
    }

    pub(crate) fn into_unreachable(self) -> Self {
        Self::Unreachable(self.into_cause())
    }

    /// For ports that write.
    pub(crate) fn into_store_error(self, operation: &'static str) -> StoreError {
        let is_unreachable = matches!(self, Self::Unreachable(_));
        let error = self.into_backend_error(operation);
        if is_unreachable { StoreError::Unreachable(error) } else { StoreError::Failed(error) }
    }

    /// For ports that only read.
    pub(crate) fn into_backend_error(self, operation: &'static str) -> BackendError {
        BackendError::new(operation, self.into_cause())
    }

    fn into_cause(self) -> Cause {
        match self {
            Self::Unreachable(cause) | Self::Failed(cause) => cause,
            Self::Unclassified(error) => error.into(),
        }
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        use DatabaseErrorKind as Kind;
        match &error {
            QueryError::BrokenTransactionManager
            | QueryError::DatabaseError(
                Kind::ClosedConnection
                | Kind::SerializationFailure
                | Kind::ReadOnlyTransaction
                | Kind::UnableToSendCommand,
                _,
            ) => Self::Unreachable(error.into()),
            QueryError::DatabaseError(Kind::Unknown, _) => Self::Unclassified(error),
            _ => Self::Failed(error.into()),
        }
    }
}

impl From<CorruptRow> for Failure {
    fn from(error: CorruptRow) -> Self {
        Self::Failed(error.into())
    }
}

impl From<domain::FactNotLoaded> for Failure {
    fn from(error: domain::FactNotLoaded) -> Self {
        Self::Failed(error.into())
    }
}

/// A stored row that breaks a rule of the domain.
#[derive(Debug, thiserror::Error)]
#[error("corrupt row {id} in table {table}: {reason}")]
pub(crate) struct CorruptRow {
    pub(crate) table: &'static str,
    pub(crate) id: String,
    pub(crate) reason: &'static str,
}
