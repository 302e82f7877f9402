//! A bounded queue of work, and threads that each own a connection.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use diesel_async::SimpleAsyncConnection as _;
use futures_util::FutureExt as _;
use tokio::sync::oneshot;

use super::connection::{Purpose, connect};
use super::{Conn, SqliteOptions};
use crate::failure::Failure;
use crate::work::Work;

type Job = Box<dyn FnOnce(&mut Slot) + Send>;

/// Work is carried out in order by the first free thread, whatever becomes of
/// who asked for it.
pub(super) struct Lane {
    // Taken by `close`. Never held across an await.
    jobs: RwLock<Option<Sender<Job>>>,
    // Taken by `join`.
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// How a unit of work is fenced off.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fence {
    /// A single statement needs none, nor do several that need not agree.
    None,
    /// Everything is read in one snapshot.
    Snapshot,
    /// All or nothing, and nobody else writes meanwhile.
    Exclusive,
}

/// Why a lane did not carry out what it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LaneError {
    /// Its queue is full.
    #[error("storage is overloaded")]
    Overloaded,
    /// It was closed.
    #[error("storage is closed")]
    Closed,
    /// The work panicked, and nothing of it was kept.
    #[error("storage work panicked")]
    Panicked,
    /// The work waited for something else than the database.
    #[error("storage work did not finish")]
    Unfinished,
}

impl Lane {
    /// Opens the connections, so that a fault shows at once.
    pub(super) fn start(
        path: &Arc<str>,
        purpose: Purpose,
        options: SqliteOptions,
    ) -> Result<Self, StartError> {
        let threads = match purpose {
            Purpose::Write => 1,
            // Two more than searches of a node at a time, which may take all of theirs.
            Purpose::Read => options.readers.get().saturating_add(2),
        };
        let busy_timeout = options.busy_timeout;
        let (jobs, queue) = bounded(options.queue.get());
        let mut started = Vec::with_capacity(threads);
        for number in 0..threads {
            let mut slot = Slot { path: Arc::clone(path), purpose, busy_timeout, connection: None };
            slot.connection = Some(slot.connect().map_err(StartError::Connect)?);
            let queue = queue.clone();
            let name = match purpose {
                Purpose::Write => "db-writer".to_owned(),
                Purpose::Read => format!("db-reader-{number}"),
            };
            let thread = thread::Builder::new().name(name).spawn(move || slot.serve(&queue));
            started.push(thread.map_err(StartError::Thread)?);
        }
        Ok(Self { jobs: RwLock::new(Some(jobs)), threads: Mutex::new(started) })
    }

    /// Carries out `work`; a full queue is an error at once.
    pub(super) async fn run<R: Send + 'static>(
        &self,
        fence: Fence,
        work: impl Work<Conn, R>,
    ) -> Result<R, Failure> {
        let (reply, answer) = oneshot::channel();
        self.enqueue(Box::new(move |slot| {
            // Whoever asked may have gone.
            drop(reply.send(slot.run(fence, work)));
        }))?;
        answer.await.unwrap_or_else(|_| Err(LaneError::Closed.into()))
    }

    fn enqueue(&self, job: Job) -> Result<(), LaneError> {
        let jobs = self.jobs.read().unwrap_or_else(PoisonError::into_inner);
        let jobs = jobs.as_ref().ok_or(LaneError::Closed)?;
        jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => LaneError::Overloaded,
            TrySendError::Disconnected(_) => LaneError::Closed,
        })
    }

    /// Takes no more work; what waits is still carried out.
    pub(super) fn close(&self) {
        drop(self.jobs.write().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Blocks until the work is done and the connections are closed.
    pub(super) fn join(&self) {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a storage thread ended with a panic");
            }
        }
    }
}

/// Why a lane did not start.
#[derive(Debug)]
pub(super) enum StartError {
    Connect(super::connection::ConnectError),
    Thread(std::io::Error),
}

/// A thread's connection; opened again when it can no longer be trusted.
struct Slot {
    path: Arc<str>,
    purpose: Purpose,
    busy_timeout: Duration,
    connection: Option<Conn>,
}

impl Slot {
    fn serve(mut self, queue: &Receiver<Job>) {
        for job in queue {
            job(&mut self);
        }
    }

    fn connect(&self) -> Result<Conn, super::connection::ConnectError> {
        connect(&self.path, self.purpose, self.busy_timeout).map(Conn::new)
    }

    fn run<R: Send>(&mut self, fence: Fence, work: impl Work<Conn, R>) -> Result<R, Failure> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let run = || fenced(&mut connection, fence, work).now_or_never();
        let Done { result, sound } = match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Some(done)) => done,
            Ok(None) => Done { result: Err(LaneError::Unfinished.into()), sound: false },
            Err(_) => Done { result: Err(LaneError::Panicked.into()), sound: false },
        };
        if sound {
            self.connection = Some(connection);
        } else {
            // Closing it rolls back whatever is left open.
            tracing::warn!("a storage connection is opened anew");
        }
        result
    }
}

struct Done<R> {
    result: Result<R, Failure>,
    /// The connection is outside any transaction.
    sound: bool,
}

/// By hand, and not by diesel's transaction manager, which knows neither
/// `begin immediate` on this connection nor which step failed.
async fn fenced<R: Send>(connection: &mut Conn, fence: Fence, work: impl Work<Conn, R>) -> Done<R> {
    let begin = match fence {
        Fence::None => return Done { result: work(connection).await, sound: true },
        Fence::Snapshot => "begin",
        Fence::Exclusive => "begin immediate",
    };
    if let Err(error) = connection.batch_execute(begin).await {
        return Done { result: Err(error.into()), sound: false };
    }
    match work(connection).await {
        Ok(value) => match connection.batch_execute("commit").await {
            Ok(()) => Done { result: Ok(value), sound: true },
            Err(error) => Done { result: Err(Failure::Unreachable(error.into())), sound: false },
        },
        Err(failure) => {
            // SQLite itself rolls back after some errors, and then refuses this.
            let sound = connection.batch_execute("rollback").await.is_ok();
            Done { result: Err(failure), sound }
        }
    }
}

impl From<LaneError> for Failure {
    fn from(error: LaneError) -> Self {
        match error {
            LaneError::Overloaded | LaneError::Closed => Self::Unreachable(error.into()),
            LaneError::Panicked | LaneError::Unfinished => Self::Failed(error.into()),
        }
    }
}
