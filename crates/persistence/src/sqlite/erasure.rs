//! Erases old versions of rows from the write-ahead log. Until then, it holds texts that were deleted or replaced.

use std::time::{Duration, Instant};

use application::ports::with_causes;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection as _};

use super::Conn;

/// How long commits may wait for reads that need the log.
const WAIT_FOR_READS: Duration = Duration::from_millis(100);
/// The pause after an attempt that reads prevented.
const PAUSE: Duration = Duration::from_secs(1);

/// When the log is to be emptied.
pub(super) struct Erasure {
    after: Duration,
    busy_timeout: Duration,
    due: Option<Instant>,
}

impl Erasure {
    /// Due `after` the start, because a killed server leaves its log behind, and `after` each first write.
    pub(super) fn new(after: Duration, busy_timeout: Duration) -> Self {
        Self { after, busy_timeout, due: Some(Instant::now() + after) }
    }

    /// `None` if nothing was written since the last time.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    pub(super) fn note_write(&mut self) {
        self.due.get_or_insert_with(|| Instant::now() + self.after);
    }

    pub(super) fn postpone(&mut self) {
        self.due = Some(Instant::now() + self.after);
    }

    /// Moves the log into the database and truncates it.
    pub(super) async fn run(&mut self, connection: &mut Conn) {
        match self.truncate_log(connection).await {
            Ok(true) => self.due = None,
            Ok(false) => self.due = Some(Instant::now() + PAUSE),
            Err(error) => {
                let error = with_causes(&error);
                tracing::warn!(error, "cannot erase deleted texts from the database's log now");
                self.postpone();
            }
        }
    }

    /// Whether no read prevented it.
    async fn truncate_log(&self, connection: &mut Conn) -> QueryResult<bool> {
        set_busy_timeout(connection, WAIT_FOR_READS).await?;
        let is_busy: QueryResult<i64> =
            sql::<BigInt>("pragma wal_checkpoint(truncate)").get_result(connection).await;
        set_busy_timeout(connection, self.busy_timeout).await?;
        Ok(is_busy? == 0)
    }
}

async fn set_busy_timeout(connection: &mut Conn, timeout: Duration) -> QueryResult<()> {
    let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    connection.batch_execute(&format!("pragma busy_timeout = {millis}")).await
}
