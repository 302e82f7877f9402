//! Connections, and how they are set up.

use std::error::Error;
use std::future::ready;
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::result::Error as QueryError;
use diesel::sql_types::Text;
use diesel_async::sync_connection_wrapper::SpawnBlocking;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::search_index;
use crate::failure::Failure;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Write,
    Read,
}

/// A checkpoint every 16 MiB of log delays only few commits. Statement journals stay in memory, which
/// saves a temporary file for each batch. Deleted rows are overwritten.
const WRITER: &str = "
    pragma synchronous = full;
    pragma foreign_keys = on;
    pragma secure_delete = on;
    pragma cache_size = -65536;
    pragma temp_store = memory;
    pragma wal_autocheckpoint = 4000;
    pragma journal_size_limit = 67108864;
";

const READER: &str = "
    pragma query_only = on;
    pragma cache_size = -8000;
    pragma mmap_size = 268435456;
";

/// The pause between attempts at a lock that `busy_timeout` does not cover.
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// Opens a connection to the file at `path`, which is absolute. It waits up to `busy_timeout`
/// (in whole milliseconds) for other programs.
pub(super) fn connect(
    path: &str,
    purpose: Purpose,
    busy_timeout: Duration,
) -> Result<SqliteConnection, ConnectError> {
    let mut connection = SqliteConnection::establish(path)?;
    let millis = i32::try_from(busy_timeout.as_millis()).unwrap_or(i32::MAX);
    connection.batch_execute(&format!("pragma busy_timeout = {millis}"))?;
    search_index::register(&mut connection)?;
    match purpose {
        Purpose::Write => {
            connection.batch_execute(WRITER)?;
            enable_wal(&mut connection, Instant::now() + busy_timeout)?;
        }
        Purpose::Read => connection.batch_execute(READER)?,
    }
    Ok(connection)
}

/// Retries, because SQLite takes this lock in two steps and `busy_timeout` does not cover the second.
/// When several programs create a database together, SQLite may refuse all but one of them at once.
fn enable_wal(connection: &mut SqliteConnection, deadline: Instant) -> Result<(), ConnectError> {
    loop {
        match sql::<Text>("pragma journal_mode = wal").get_result::<String>(connection) {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(_) => return Err(ConnectError::NoWal),
            Err(error) if is_locked(&error) && Instant::now() < deadline => {
                thread::sleep(LOCK_PAUSE);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn is_locked(error: &QueryError) -> bool {
    error.to_string().contains("is locked")
}

/// Whether the disk or another writer caused an error, and not the statement. diesel keeps only the
/// text of SQLite's result code (`sqlite3_errstr`), which is always English.
pub(super) fn is_transient(error: &QueryError) -> bool {
    const TEXTS: [&str; 8] = [
        "database is locked",
        "database table is locked",
        "database or disk is full",
        "disk I/O error",
        "unable to open database file",
        "attempt to write a readonly database",
        "out of memory",
        "database schema has changed",
    ];
    let text = error.to_string();
    TEXTS.iter().any(|known| text.contains(known))
}

/// Whether the disk failed, as opposed to being full.
pub(super) fn is_disk_failure(error: &QueryError) -> bool {
    error.to_string().contains("disk I/O error")
}

#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error(transparent)]
    Open(#[from] ConnectionError),
    #[error(transparent)]
    SetUp(#[from] QueryError),
    /// Some network file systems lack the necessary shared memory.
    #[error("the file system does not support a write-ahead log")]
    NoWal,
}

/// Runs blocking work in place, because each connection has its own thread.
pub(super) struct Inline;

impl SpawnBlocking for Inline {
    fn spawn_blocking<'a, R>(
        &mut self,
        task: impl FnOnce() -> R + Send + 'static,
    ) -> BoxFuture<'a, Result<R, Box<dyn Error + Send + Sync>>>
    where
        R: Send + 'static,
    {
        ready(Ok(task())).boxed()
    }

    fn get_runtime() -> Self {
        Self
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        Self::Unreachable(error.into())
    }
}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection as _;
    use diesel::{Connection as _, SqliteConnection};

    use super::is_transient;
    use crate::failure::Failure;

    #[test]
    fn full_disks_and_locks_are_transient_and_broken_constraints_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.sqlite3");
        let connect = || SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        let (mut first, mut second) = (connect(), connect());
        let set_up = "
            create table things (id integer primary key, name text unique check (name <> '')) strict;
            insert into things values (1, 'one');
            pragma max_page_count = 8;
        ";
        first.batch_execute(set_up).unwrap();
        let mut failure =
            |sql: &str| Failure::from(first.batch_execute(sql).unwrap_err()).classify(is_transient);

        let transient = [
            failure("insert into things values (2, hex(zeroblob(1000000)))"),
            failure("pragma query_only = on; delete from things"),
            {
                second.batch_execute("begin exclusive").unwrap();
                failure("pragma query_only = off; delete from things")
            },
        ];
        second.batch_execute("rollback").unwrap();
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
