//! The lanes of one database.

use std::sync::Arc;

use application::ports::Clock;

use super::connection::Purpose;
use super::lane::{Fence, Lane, StartError};
use super::{Conn, SqliteOptions};
use crate::failure::Failure;
use crate::work::Work;

/// One writer, several readers.
pub(super) struct Db {
    writer: Lane,
    readers: Lane,
    clock: Arc<dyn Clock>,
}

impl Db {
    pub(super) fn start(
        path: &Arc<str>,
        clock: Arc<dyn Clock>,
        options: SqliteOptions,
    ) -> Result<Self, StartError> {
        let writer = Lane::start(path, Purpose::Write, options)?;
        let readers = Lane::start(path, Purpose::Read, options)?;
        Ok(Self { writer, readers, clock })
    }

    /// One transaction that writes, and whose commit is on disk when this returns.
    pub(super) async fn write<R: Send + 'static>(
        &self,
        work: impl Work<Conn, R>,
    ) -> Result<R, Failure> {
        self.writer.run(Fence::Exclusive, work).await
    }

    /// Any number of reads in one snapshot.
    pub(super) async fn snapshot<R: Send + 'static>(
        &self,
        work: impl Work<Conn, R>,
    ) -> Result<R, Failure> {
        self.readers.run(Fence::Snapshot, work).await
    }

    /// Reads of one statement, or of several that need not agree: no snapshot spans them.
    pub(super) async fn read<R: Send + 'static>(
        &self,
        work: impl Work<Conn, R>,
    ) -> Result<R, Failure> {
        self.readers.run(Fence::None, work).await
    }

    /// A statement of the writer outside any transaction.
    pub(super) async fn on_writer<R: Send + 'static>(
        &self,
        work: impl Work<Conn, R>,
    ) -> Result<R, Failure> {
        self.writer.run(Fence::None, work).await
    }

    /// The index of words is merged by SQLite as it is written.
    #[expect(clippy::unused_self, reason = "the same call as on PostgreSQL")]
    pub(super) fn has_written(&self, _intents: usize) {}

    pub(super) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// Blocks until all work is done and all connections are closed. The last one
    /// of all programs moves the log into the file, and waits for nobody.
    pub(super) fn close(&self) {
        self.readers.close();
        self.readers.join();
        // Last and alone: of two that close at once, neither would take itself for the last.
        self.writer.close();
        self.writer.join();
    }
}
