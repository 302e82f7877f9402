//! Runs work on pooled connections.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use application::ports::Clock;
use deadpool::managed::{Object, Pool};
use diesel_async::SimpleAsyncConnection as _;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::Conn;
use super::connection::Connector;
use crate::failure::Failure;
use crate::work::{Reads, Work};

/// The longest time of a unit of work. The database ends its own statements earlier, so this bound
/// is for a database that hangs. Without an answer to a write its outcome is unknown, so only reads
/// and `begin` give up earlier: see [`super::silence::LastReceived::while_answered`].
const WORK_TIMEOUT: Duration = Duration::from_secs(15);

const BEGIN_SNAPSHOT: &str = "begin isolation level repeatable read, read only";
/// Every statement sees all earlier commits.
const BEGIN_WRITE: &str = "begin isolation level read committed";

/// A pool of connections. Work runs on the runtime that opened the pool, and completes even if its
/// caller is dropped.
#[derive(Clone)]
pub(super) struct Db {
    pool: Pool<Connector>,
    runtime: Handle,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, thiserror::Error)]
enum DbError {
    #[error("the database did not answer in time")]
    TimedOut,
    #[error("storage work panicked")]
    Panicked,
    #[error("the database refused to begin a snapshot")]
    NoSnapshot,
}

impl Db {
    pub(super) fn new(pool: Pool<Connector>, clock: Arc<dyn Clock>) -> Self {
        Self { pool, runtime: Handle::current(), clock }
    }

    pub(super) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// Refuses new work. Running work finishes.
    pub(super) fn close(&self) {
        self.pool.close();
    }

    /// Commits `work` in one transaction.
    pub(super) async fn write<R: Send + 'static>(
        &self,
        work: impl Work<Conn, R>,
    ) -> Result<R, Failure> {
        let pool = self.pool.clone();
        self.spawn(async move {
            let mut lease = Lease::take(&pool).await?;
            // A pooled connection may be dead without notice, and a failed `begin` has no effect.
            if lease.answer(BEGIN_WRITE).await.is_err() {
                drop(lease);
                lease = Lease::take_new(&pool).await?;
                lease.answer(BEGIN_WRITE).await?;
            }
            timed(lease.write(work)).await
        })
        .await
    }

    /// Reads, and reads again if the connection fails.
    pub(super) async fn read<R: Send + 'static>(
        &self,
        reads: Reads,
        work: impl Work<Conn, R> + Clone,
    ) -> Result<R, Failure> {
        let pool = self.pool.clone();
        self.spawn(async move {
            let mut lease = Lease::take(&pool).await?;
            let result = timed(lease.read(reads, work.clone())).await;
            if result.is_ok() || lease.is_reusable {
                return result;
            }
            drop(lease);
            timed(Lease::take_new(&pool).await?.read(reads, work)).await
        })
        .await
    }

    async fn spawn<R: Send + 'static>(
        &self,
        work: impl Future<Output = Result<R, Failure>> + Send + 'static,
    ) -> Result<R, Failure> {
        let done = self.runtime.spawn(work).await;
        done.unwrap_or_else(|_| Err(Failure::Failed(DbError::Panicked.into())))
    }
}

async fn timed<R>(work: impl Future<Output = Result<R, Failure>>) -> Result<R, Failure> {
    let done = timeout(WORK_TIMEOUT, work).await;
    done.unwrap_or_else(|_| Err(Failure::Unreachable(DbError::TimedOut.into())))
}

/// A connection in use. It returns to the pool only if it is known to be outside any transaction. A
/// dropped, timed out or panicked lease closes it.
struct Lease {
    object: Option<Object<Connector>>,
    is_reusable: bool,
}

impl Lease {
    async fn take(pool: &Pool<Connector>) -> Result<Self, Failure> {
        let object = pool.get().await.map_err(|error| Failure::Unreachable(error.into()))?;
        Ok(Self { object: Some(object), is_reusable: false })
    }

    /// Takes a new connection, and closes the idle ones: they probably failed together.
    async fn take_new(pool: &Pool<Connector>) -> Result<Self, Failure> {
        for connection in pool.retain(|_, _| false).removed {
            connection.abandon();
        }
        Self::take(pool).await
    }

    /// Executes a statement that takes the database no time.
    async fn answer(&mut self, sql: &str) -> Result<(), Failure> {
        let object = self.object()?;
        let last_received = object.last_received.clone();
        let executed = last_received.while_answered(object.conn.batch_execute(sql)).await;
        or_unreachable(executed.map_err(Into::into).and_then(|done| done.map_err(Into::into)))
    }

    async fn read<R: Send + 'static>(
        &mut self,
        reads: Reads,
        work: impl Work<Conn, R>,
    ) -> Result<R, Failure> {
        let object = self.object()?;
        object.last_error.clear();
        if reads != Reads::Independent {
            object.send(BEGIN_SNAPSHOT);
        }
        let last_received = object.last_received.clone();
        let work = work(&mut object.conn);
        let result = match reads {
            Reads::SlowSnapshot => work.await,
            Reads::Independent | Reads::Snapshot => {
                or_unreachable(last_received.while_answered(work).await.map_err(Into::into))?
            }
        };
        match result {
            // The only trace of a failed `begin`.
            Ok(_) if object.last_error.is_set() => {
                Err(Failure::Unreachable(DbError::NoSnapshot.into()))
            }
            Ok(value) => {
                if reads != Reads::Independent {
                    object.send("commit");
                }
                self.is_reusable = !object.is_closed();
                Ok(value)
            }
            Err(failure) => Err(self.roll_back(failure).await),
        }
    }

    /// Within a transaction.
    async fn write<R: Send + 'static>(&mut self, work: impl Work<Conn, R>) -> Result<R, Failure> {
        match work(&mut self.object()?.conn).await {
            Ok(value) => {
                // Without an answer, the outcome of the commit is unknown.
                let committed = self.object()?.conn.batch_execute("commit").await;
                or_unreachable(committed.map_err(Into::into))?;
                self.is_reusable = true;
                Ok(value)
            }
            Err(failure) => Err(self.roll_back(failure).await),
        }
    }

    async fn roll_back(&mut self, failure: Failure) -> Failure {
        let failure = match self.object() {
            Ok(object) => object.last_error.classify(failure),
            Err(failure) => return failure,
        };
        self.is_reusable = self.answer("rollback").await.is_ok();
        // Otherwise the connection failed, not the work.
        if self.is_reusable { failure } else { failure.into_unreachable() }
    }

    fn object(&mut self) -> Result<&mut Object<Connector>, Failure> {
        self.object.as_mut().ok_or(Failure::Failed(DbError::Panicked.into()))
    }
}

fn or_unreachable<T>(result: Result<T, Box<dyn Error + Send + Sync>>) -> Result<T, Failure> {
    result.map_err(Failure::Unreachable)
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(object) = self.object.take()
            && !self.is_reusable
        {
            Object::take(object).abandon();
        }
    }
}
