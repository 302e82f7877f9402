//! The lanes of one database.

use std::sync::Arc;

use application::ports::Clock;
use diesel::connection::SimpleConnection as _;

use super::Conn;
use super::connection::{Purpose, connect};
use super::lane::{Fence, Lane, StartError};
use crate::failure::Failure;

/// One writer, several readers.
pub(super) struct Db {
    path: Arc<str>,
    writer: Lane,
    readers: Lane,
    clock: Arc<dyn Clock>,
}

impl Db {
    pub(super) fn start(
        path: Arc<str>,
        clock: Arc<dyn Clock>,
        readers: usize,
        queue: usize,
    ) -> Result<Self, StartError> {
        let writer = Lane::start(&path, Purpose::Write, 1, queue)?;
        let readers = Lane::start(&path, Purpose::Read, readers, queue)?;
        Ok(Self { path, writer, readers, clock })
    }

    /// One transaction that writes, and whose commit is on disk when this returns.
    pub(super) async fn write<R: Send + 'static>(
        &self,
        work: impl AsyncFnOnce(&mut Conn) -> Result<R, Failure> + Send + 'static,
    ) -> Result<R, Failure> {
        self.writer.run(Fence::Exclusive, work).await
    }

    /// Any number of reads in one snapshot.
    pub(super) async fn read<R: Send + 'static>(
        &self,
        work: impl AsyncFnOnce(&mut Conn) -> Result<R, Failure> + Send + 'static,
    ) -> Result<R, Failure> {
        self.readers.run(Fence::Snapshot, work).await
    }

    /// A single statement that reads.
    pub(super) async fn look<R: Send + 'static>(
        &self,
        work: impl AsyncFnOnce(&mut Conn) -> Result<R, Failure> + Send + 'static,
    ) -> Result<R, Failure> {
        self.readers.run(Fence::None, work).await
    }

    /// A statement of the writer outside any transaction.
    pub(super) async fn on_writer<R: Send + 'static>(
        &self,
        work: impl AsyncFnOnce(&mut Conn) -> Result<R, Failure> + Send + 'static,
    ) -> Result<R, Failure> {
        self.writer.run(Fence::None, work).await
    }

    pub(super) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// Blocks until all work is done, and leaves everything in the one file.
    pub(super) fn close(&self) -> Result<(), Failure> {
        self.readers.close();
        self.writer.close();
        self.readers.join();
        self.writer.join();
        let mut connection = connect(&self.path, Purpose::Write)?;
        connection.batch_execute("pragma wal_checkpoint(truncate)")?;
        Ok(())
    }
}
