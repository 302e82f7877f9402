//! The writer thread and the reader threads of one database.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use application::ports::Clock;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use diesel_async::SimpleAsyncConnection as _;
use futures_util::FutureExt as _;
use tokio::sync::{oneshot, watch};

use super::connection::{ConnectError, Purpose, connect, is_disk_failure, is_transient};
use super::erasure::Erasure;
use super::{Conn, SqliteOptions};
use crate::failure::Failure;
use crate::work::{Reads, Work};

pub(super) struct Db {
    writer: Threads,
    readers: Threads,
    clock: Arc<dyn Clock>,
    disk: Disk,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transaction {
    None,
    Snapshot,
    Write,
}

/// Whether the disk has failed during a commit.
#[derive(Clone)]
struct Disk(Arc<watch::Sender<bool>>);

impl Db {
    pub(super) fn start(
        path: &Arc<str>,
        clock: Arc<dyn Clock>,
        options: SqliteOptions,
    ) -> Result<Self, StartError> {
        let disk = Disk(Arc::new(watch::Sender::new(false)));
        let writer = Threads::start(path, Purpose::Write, options, &disk)?;
        let readers = Threads::start(path, Purpose::Read, options, &disk)?;
        Ok(Self { writer, readers, clock, disk })
    }

    /// Commits `work` in one transaction.
    pub(super) async fn write<R: Send + 'static>(
        &self,
        work: impl Work<Conn, R>,
    ) -> Result<R, Failure> {
        self.writer.run(Transaction::Write, work).await
    }

    pub(super) async fn read<R: Send + 'static>(
        &self,
        reads: Reads,
        work: impl Work<Conn, R>,
    ) -> Result<R, Failure> {
        let transaction = match reads {
            Reads::Independent => Transaction::None,
            Reads::Snapshot | Reads::SlowSnapshot => Transaction::Snapshot,
        };
        self.readers.run(transaction, work).await
    }

    /// Runs a statement on the writer's connection, outside any transaction.
    pub(super) async fn on_writer<R: Send + 'static>(
        &self,
        work: impl Work<Conn, R>,
    ) -> Result<R, Failure> {
        self.writer.run(Transaction::None, work).await
    }

    pub(super) async fn failed(&self) {
        // The sender is in `self`.
        let mut disk = self.disk.0.subscribe();
        let _has_failed = disk.wait_for(|has_failed| *has_failed).await;
    }

    pub(super) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// Blocks until the queued work is done and all connections are closed. The last connection
    /// of all programs that use the file checkpoints the log into it.
    pub(super) fn close(&self) {
        self.readers.close();
        // The writer closes last and alone. Of two connections that close at once, SQLite may treat
        // neither as the last, and skip the checkpoint.
        self.writer.close();
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum QueueError {
    #[error("storage is overloaded")]
    Overloaded,
    #[error("storage is closed")]
    Closed,
    #[error("storage is closed because the disk failed")]
    DiskFailed,
    /// The work was rolled back.
    #[error("storage work panicked")]
    Panicked,
    /// The work waited for something other than the database.
    #[error("storage work did not finish")]
    Unfinished,
}

impl From<QueueError> for Failure {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::Overloaded | QueueError::Closed | QueueError::DiskFailed => {
                Self::Unreachable(error.into())
            }
            QueueError::Panicked | QueueError::Unfinished => Self::Failed(error.into()),
        }
    }
}

#[derive(Debug)]
pub(super) enum StartError {
    Connect(ConnectError),
    Thread(std::io::Error),
}

type QueuedWork = Box<dyn FnOnce(&mut Worker) + Send>;

/// Threads that each own a connection and take work from one bounded queue. Queued work runs even if
/// its caller is dropped.
struct Threads {
    /// `None` once closed. Never held across an await.
    queue: RwLock<Option<Sender<QueuedWork>>>,
    handles: Mutex<Vec<JoinHandle<()>>>,
}

impl Threads {
    /// Opens the connections before it returns, to report errors at once.
    fn start(
        path: &Arc<str>,
        purpose: Purpose,
        options: SqliteOptions,
        disk: &Disk,
    ) -> Result<Self, StartError> {
        let count = match purpose {
            Purpose::Write => 1,
            // Two more than the concurrent searches of a node, so that searches never block other reads.
            Purpose::Read => options.readers.get().saturating_add(2),
        };
        let busy_timeout = options.busy_timeout;
        let (sender, queue) = bounded(options.queue.get());
        let mut handles = Vec::with_capacity(count);
        for number in 0..count {
            let (path, disk) = (Arc::clone(path), disk.clone());
            let erasure = (purpose == Purpose::Write)
                .then(|| Erasure::new(options.erase_after, busy_timeout));
            let mut worker =
                Worker { path, purpose, busy_timeout, disk, connection: None, erasure };
            worker.connection = Some(worker.connect().map_err(StartError::Connect)?);
            let queue = queue.clone();
            let name = match purpose {
                Purpose::Write => "db-writer".to_owned(),
                Purpose::Read => format!("db-reader-{number}"),
            };
            let handle = thread::Builder::new().name(name).spawn(move || worker.serve(&queue));
            handles.push(handle.map_err(StartError::Thread)?);
        }
        Ok(Self { queue: RwLock::new(Some(sender)), handles: Mutex::new(handles) })
    }

    /// Runs `work` on the first free thread. Fails at once if the queue is full.
    async fn run<R: Send + 'static>(
        &self,
        transaction: Transaction,
        work: impl Work<Conn, R>,
    ) -> Result<R, Failure> {
        let (reply, result) = oneshot::channel();
        self.enqueue(Box::new(move |worker| {
            // The caller may be dropped.
            drop(reply.send(worker.run(transaction, work)));
        }))?;
        result.await.unwrap_or_else(|_| Err(QueueError::Closed.into()))
    }

    fn enqueue(&self, work: QueuedWork) -> Result<(), QueueError> {
        let queue = self.queue.read().unwrap_or_else(PoisonError::into_inner);
        let queue = queue.as_ref().ok_or(QueueError::Closed)?;
        queue.try_send(work).map_err(|error| match error {
            TrySendError::Full(_) => QueueError::Overloaded,
            TrySendError::Disconnected(_) => QueueError::Closed,
        })
    }

    /// Refuses new work, and blocks until the queued work is done and the connections are closed.
    fn close(&self) {
        drop(self.queue.write().unwrap_or_else(PoisonError::into_inner).take());
        let mut handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        for handle in handles.drain(..) {
            if handle.join().is_err() {
                tracing::error!("a database thread panicked");
            }
        }
    }
}

struct Worker {
    path: Arc<str>,
    purpose: Purpose,
    busy_timeout: Duration,
    disk: Disk,
    /// `None` after an error that may have left a transaction open.
    connection: Option<Conn>,
    /// `None` for readers.
    erasure: Option<Erasure>,
}

impl Worker {
    fn serve(mut self, queue: &Receiver<QueuedWork>) {
        loop {
            let next = match self.erasure.as_ref().and_then(Erasure::due) {
                Some(due) if due <= Instant::now() => {
                    self.erase();
                    continue;
                }
                Some(due) => queue.recv_deadline(due),
                None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match next {
                Ok(work) => work(&mut self),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn erase(&mut self) {
        let Some(erasure) = &mut self.erasure else { return };
        erasure.postpone();
        // Nothing may be written after a failed commit, and the next work opens a closed connection.
        if let Some(connection) = self.connection.as_mut().filter(|_| !*self.disk.0.borrow()) {
            // Statements run in place, so the future is ready on the first poll.
            let _has_run = erasure.run(connection).now_or_never();
        }
    }

    fn connect(&self) -> Result<Conn, ConnectError> {
        connect(&self.path, self.purpose, self.busy_timeout).map(Conn::new)
    }

    fn run<R: Send>(
        &mut self,
        transaction: Transaction,
        work: impl Work<Conn, R>,
    ) -> Result<R, Failure> {
        if *self.disk.0.borrow() {
            return Err(QueueError::DiskFailed.into());
        }
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        if let Some(erasure) = &mut self.erasure {
            erasure.note_write();
        }
        // Statements run in place, so the future is ready on the first poll.
        let run = || run_in(transaction, &mut connection, work).now_or_never();
        let Done { result, next } = match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Some(done)) => done,
            Ok(None) => Done { result: Err(QueueError::Unfinished.into()), next: Next::Reopen },
            Err(_) => Done { result: Err(QueueError::Panicked.into()), next: Next::Reopen },
        };
        match next {
            Next::Reuse => self.connection = Some(connection),
            // Closing the connection rolls back an open transaction.
            Next::Reopen => {
                tracing::warn!("a database connection failed and will be opened again");
            }
            Next::Stop => {
                self.disk.0.send_replace(true);
            }
        }
        result.map_err(|failure| failure.classify(is_transient))
    }
}

struct Done<R> {
    result: Result<R, Failure>,
    next: Next,
}

/// What to do with the connection.
enum Next {
    /// It is outside any transaction.
    Reuse,
    Reopen,
    /// The disk failed during the commit. Another `fsync` would succeed without the data that this one could not
    /// write, so nothing may be committed or read any more.
    Stop,
}

/// Replaces diesel's transaction manager, which supports no `begin immediate` on this connection and
/// does not report which step failed.
async fn run_in<R: Send>(
    transaction: Transaction,
    connection: &mut Conn,
    work: impl Work<Conn, R>,
) -> Done<R> {
    let begin = match transaction {
        Transaction::None => return Done { result: work(connection).await, next: Next::Reuse },
        Transaction::Snapshot => "begin",
        // Excludes other writers.
        Transaction::Write => "begin immediate",
    };
    if let Err(error) = connection.batch_execute(begin).await {
        return Done { result: Err(error.into()), next: Next::Reopen };
    }
    match work(connection).await {
        Ok(value) => match connection.batch_execute("commit").await {
            Ok(()) => Done { result: Ok(value), next: Next::Reuse },
            Err(error) => {
                let next = if is_disk_failure(&error) { Next::Stop } else { Next::Reopen };
                Done { result: Err(Failure::Unreachable(error.into())), next }
            }
        },
        Err(failure) => {
            // Fails if SQLite has already rolled back by itself.
            let has_rolled_back = connection.batch_execute("rollback").await.is_ok();
            Done {
                result: Err(failure),
                next: if has_rolled_back { Next::Reuse } else { Next::Reopen },
            }
        }
    }
}
