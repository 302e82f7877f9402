//! Connections, and how they are set up.

use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::words;
use crate::failure::Failure;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Write,
    Read,
}

/// The log is moved into the file every 16 MiB, so that few commits pay for it. What a
/// statement may have to undo is kept in memory, and not in a file of each batch.
const WRITER: &str = "
    pragma synchronous = full;
    pragma foreign_keys = on;
    pragma secure_delete = fast;
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

/// Between two attempts at a lock for which SQLite does not wait by itself.
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// Opens a connection to the file at `path`, which is absolute. It waits for
/// other programs for `busy_timeout`, to the millisecond.
pub(super) fn connect(
    path: &str,
    purpose: Purpose,
    busy_timeout: Duration,
) -> Result<SqliteConnection, ConnectError> {
    let mut connection = SqliteConnection::establish(path)?;
    let millis = i32::try_from(busy_timeout.as_millis()).unwrap_or(i32::MAX);
    connection.batch_execute(&format!("pragma busy_timeout = {millis}"))?;
    words::teach(&mut connection)?;
    match purpose {
        Purpose::Write => {
            connection.batch_execute(WRITER)?;
            keep_log(&mut connection, Instant::now() + busy_timeout)?;
        }
        Purpose::Read => connection.batch_execute(READER)?,
    }
    Ok(connection)
}

/// Of programs that make a database together, all but one may be refused, and
/// SQLite's own patience does not cover it: the lock is asked for in two steps.
fn keep_log(connection: &mut SqliteConnection, deadline: Instant) -> Result<(), ConnectError> {
    loop {
        match diesel::sql_query("pragma journal_mode = wal").get_result::<Journal>(connection) {
            Ok(journal) if journal.journal_mode == "wal" => return Ok(()),
            Ok(_) => return Err(ConnectError::NoLog),
            Err(error) if is_locked(&error) && Instant::now() < deadline => {
                thread::sleep(LOCK_PAUSE);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn is_locked(error: &diesel::result::Error) -> bool {
    error.to_string().contains("is locked")
}

#[derive(QueryableByName)]
struct Journal {
    #[diesel(sql_type = Text)]
    journal_mode: String,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error(transparent)]
    Open(#[from] ConnectionError),
    #[error(transparent)]
    SetUp(#[from] diesel::result::Error),
    /// Some network file systems lack the shared memory for it.
    #[error("the file system does not support a write-ahead log")]
    NoLog,
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        Self::Unreachable(error.into())
    }
}
