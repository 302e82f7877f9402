//! Carries out work on pooled connections.

use std::sync::Arc;
use std::time::Duration;

use application::ports::Clock;
use deadpool::managed::{Object, Pool};
use diesel_async::SimpleAsyncConnection as _;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::Conn;
use super::connection::Connector;
use super::gin_maintenance::GinMaintenance;
use super::words;
use crate::failure::Failure;
use crate::work::Work;

/// Longest time of a unit of work. The database ends its own statements
/// before; this is for one that stands still.
const LONGEST: Duration = Duration::from_secs(15);

/// A pool. Work goes on whatever becomes of who asked for it: it is carried
/// out on the runtime that opened the pool.
#[derive(Clone)]
pub(super) struct Db {
    pool: Pool<Connector>,
    runtime: Handle,
    clock: Arc<dyn Clock>,
    tidying: Arc<GinMaintenance>,
}

/// How a unit of work is fenced off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fence {
    /// A single statement needs none, nor do several that need not agree.
    None,
    /// Everything is read in one snapshot.
    Snapshot,
    /// All or nothing; every statement sees what was committed before it.
    Transaction,
}

impl Fence {
    fn begin(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Snapshot => Some("begin isolation level repeatable read, read only"),
            Self::Transaction => Some("begin isolation level read committed"),
        }
    }
}

/// Why work was not carried out, whatever it was.
#[derive(Debug, thiserror::Error)]
enum DbError {
    #[error("the database did not answer in time")]
    TimedOut,
    #[error("storage work panicked")]
    Panicked,
}

impl Db {
    pub(super) fn new(pool: Pool<Connector>, clock: Arc<dyn Clock>) -> Self {
        Self { pool, runtime: Handle::current(), clock, tidying: Arc::default() }
    }

    /// One transaction that writes, and whose commit is on disk when this returns.
    pub(super) async fn write<R: Send + 'static>(
        &self,
        work: impl Work<Conn, R>,
    ) -> Result<R, Failure> {
        self.run(Fence::Transaction, work).await
    }

    /// Any number of reads in one snapshot.
    pub(super) async fn snapshot<R: Send + 'static>(
        &self,
        work: impl Work<Conn, R>,
    ) -> Result<R, Failure> {
        self.run(Fence::Snapshot, work).await
    }

    /// Reads of one statement, or of several that need not agree: no snapshot spans them.
    pub(super) async fn read<R: Send + 'static>(
        &self,
        work: impl Work<Conn, R>,
    ) -> Result<R, Failure> {
        self.run(Fence::None, work).await
    }

    /// After many intents, tidies up behind them while others read and write. Where there is
    /// one connection it would keep them from it.
    pub(super) fn has_written(&self, intents: usize) {
        if self.pool.status().max_size < 2 || !self.tidying.begins_after(intents) {
            return;
        }
        let db = self.clone();
        self.runtime.spawn(async move {
            if let Err(failure) = db.read(words::tidy).await {
                let error = failure.into_backend_error("tidy the index of words");
                // A pool that was closed meanwhile has nothing to tidy for.
                if !db.pool.is_closed() {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "PostgreSQL has to do it in the midst of inserts");
                }
            }
            db.tidying.has_ended();
        });
    }

    pub(super) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// Lets nobody ask for more; what was begun ends in its own time.
    pub(super) fn close(&self) {
        self.pool.close();
    }

    async fn run<R: Send + 'static>(
        &self,
        fence: Fence,
        work: impl Work<Conn, R>,
    ) -> Result<R, Failure> {
        let pool = self.pool.clone();
        let unit = self.runtime.spawn(async move {
            let mut lease = Lease::begin(&pool, fence).await?;
            let done = timeout(LONGEST, lease.decide_all(fence, work)).await;
            done.unwrap_or_else(|_| Err(Failure::Unreachable(DbError::TimedOut.into())))
        });
        unit.await.unwrap_or_else(|_| Err(Failure::Failed(DbError::Panicked.into())))
    }
}

/// A connection in use. It goes back to the pool only if it is found to be
/// outside any transaction; a dropped, timed out or panicked one does not.
struct Lease {
    object: Option<Object<Connector>>,
    sound: bool,
}

impl Lease {
    /// A pooled connection may have died unseen, so that a failed beginning, of
    /// which nothing is left, is made once more on another.
    async fn begin(pool: &Pool<Connector>, fence: Fence) -> Result<Self, Failure> {
        let mut lease = Self::take(pool).await?;
        let Some(begin) = fence.begin() else { return Ok(lease) };
        if let Err(Failure::Unreachable(_)) = lease.execute(begin).await {
            drop(lease);
            lease = Self::take(pool).await?;
            lease.execute(begin).await?;
        }
        Ok(lease)
    }

    async fn take(pool: &Pool<Connector>) -> Result<Self, Failure> {
        let object = pool.get().await.map_err(|error| Failure::Unreachable(error.into()))?;
        Ok(Self { object: Some(object), sound: false })
    }

    async fn execute(&mut self, sql: &str) -> Result<(), Failure> {
        let executed = timeout(LONGEST, self.conn()?.batch_execute(sql)).await;
        match executed {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Failure::Unreachable(error.into())),
            Err(_) => Err(Failure::Unreachable(DbError::TimedOut.into())),
        }
    }

    async fn decide_all<R: Send + 'static>(
        &mut self,
        fence: Fence,
        work: impl Work<Conn, R>,
    ) -> Result<R, Failure> {
        let result = work(self.conn()?).await;
        if fence == Fence::None {
            self.sound = self.object.as_ref().is_some_and(|object| !object.is_closed());
            return result;
        }
        match result {
            Ok(value) => {
                // Whether a commit without an answer was done is not known.
                self.execute("commit").await?;
                self.sound = true;
                Ok(value)
            }
            Err(failure) => match self.execute("rollback").await {
                Ok(()) => {
                    self.sound = true;
                    Err(failure)
                }
                // Then it was the connection, and not the work.
                Err(_) => Err(failure.unreachable()),
            },
        }
    }

    fn conn(&mut self) -> Result<&mut Conn, Failure> {
        let object = self.object.as_mut();
        object.map(|object| &mut object.conn).ok_or(Failure::Failed(DbError::Panicked.into()))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(object) = self.object.take()
            && !self.sound
        {
            Object::take(object).abandon();
        }
    }
}
