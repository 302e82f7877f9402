//! What may go wrong in a query, sorted by whether trying again may help.

use std::error::Error;

use application::ports::{BackendError, StoreError};
use diesel::result::{DatabaseErrorKind, Error as QueryError};

type Cause = Box<dyn Error + Send + Sync>;

/// Why a unit of work came to nothing.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Trying again may help; after a write it may or may not have been done.
    Unreachable(Cause),
    /// Nothing was done, and the same will fail again.
    Failed(Cause),
}

impl Failure {
    /// The same, but not for what was asked: it could not be carried out.
    pub(crate) fn unreachable(self) -> Self {
        match self {
            Self::Unreachable(cause) | Self::Failed(cause) => Self::Unreachable(cause),
        }
    }

    /// For a port that writes.
    pub(crate) fn into_store_error(self, operation: &'static str) -> StoreError {
        match self {
            Self::Unreachable(cause) => {
                StoreError::Unreachable(BackendError::new(operation, cause))
            }
            Self::Failed(cause) => StoreError::Failed(BackendError::new(operation, cause)),
        }
    }

    /// For a port that only reads.
    pub(crate) fn into_backend_error(self, operation: &'static str) -> BackendError {
        match self {
            Self::Unreachable(cause) | Self::Failed(cause) => BackendError::new(operation, cause),
        }
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        if is_transient(&error) {
            Self::Unreachable(error.into())
        } else {
            Self::Failed(error.into())
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

/// Whether the connection, the disk or another writer is to blame, not the query.
fn is_transient(error: &QueryError) -> bool {
    match error {
        QueryError::BrokenTransactionManager => true,
        QueryError::DatabaseError(kind, information) => match kind {
            DatabaseErrorKind::ClosedConnection
            | DatabaseErrorKind::SerializationFailure
            | DatabaseErrorKind::ReadOnlyTransaction
            | DatabaseErrorKind::UnableToSendCommand => true,
            DatabaseErrorKind::Unknown => {
                let message = information.message();
                TROUBLES.iter().any(|trouble| message.contains(trouble))
            }
            _ => false,
        },
        _ => false,
    }
}

/// diesel keeps no result code of SQLite, only its text (`sqlite3_errstr`), and few codes of
/// PostgreSQL, whose texts are in the language of the server.
const TROUBLES: [&str; 15] = [
    "database is locked",
    "database table is locked",
    "database or disk is full",
    "disk I/O error",
    "unable to open database file",
    "attempt to write a readonly database",
    "out of memory",
    "database schema has changed",
    "terminating connection",
    "canceling statement due to",
    "deadlock detected",
    "could not extend file",
    "No space left on device",
    "the database system is",
    "connection closed",
];

/// A row that breaks a rule of the domain: a fault of the store.
#[derive(Debug, thiserror::Error)]
#[error("corrupt row {id} in table {table}: {reason}")]
pub(crate) struct CorruptRow {
    pub(crate) table: &'static str,
    pub(crate) id: String,
    pub(crate) reason: &'static str,
}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection as _;
    use diesel::{Connection as _, SqliteConnection};

    use super::Failure;

    #[test]
    fn troubles_of_the_disk_and_other_writers_may_pass_and_broken_rules_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.sqlite3");
        let connect = || SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        let (mut one, mut other) = (connect(), connect());
        let set_up = "
            create table things (id integer primary key, name text unique check (name <> '')) strict;
            insert into things values (1, 'one');
            pragma max_page_count = 8;
        ";
        one.batch_execute(set_up).unwrap();
        let mut failure = |sql: &str| Failure::from(one.batch_execute(sql).unwrap_err());

        let transient = [
            failure("insert into things values (2, hex(zeroblob(1000000)))"),
            failure("pragma query_only = on; delete from things"),
            {
                other.batch_execute("begin exclusive").unwrap();
                failure("pragma query_only = off; delete from things")
            },
        ];
        other.batch_execute("rollback").unwrap();
        let lasting = [
            failure("insert into things values (1, 'two')"),
            failure("insert into things values (2, 'one')"),
            failure("insert into things values (2, '')"),
            failure("insert into things values (2, x'00')"),
            failure("insert into nothing values (2)"),
        ];

        for failure in transient {
            assert!(matches!(failure, Failure::Unreachable(_)), "{failure:?}");
        }
        for failure in lasting {
            assert!(matches!(failure, Failure::Failed(_)), "{failure:?}");
        }
    }
}
