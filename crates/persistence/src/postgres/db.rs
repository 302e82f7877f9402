//! Runs work on pooled connections.

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
use crate::work::{Transaction, Work};

/// The longest time of a unit of work. The database ends its own statements earlier, so this bound
/// is for a database that hangs.
const WORK_TIMEOUT: Duration = Duration::from_secs(15);

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

    pub(super) async fn run<R: Send + 'static>(
        &self,
        transaction: Transaction,
        work: impl Work<Conn, R>,
    ) -> Result<R, Failure> {
        let pool = self.pool.clone();
        let task = self.runtime.spawn(async move {
            let mut lease = Lease::begin(&pool, transaction).await?;
            let done = timeout(WORK_TIMEOUT, lease.run(transaction, work)).await;
            done.unwrap_or_else(|_| Err(Failure::Unreachable(DbError::TimedOut.into())))
        });
        task.await.unwrap_or_else(|_| Err(Failure::Failed(DbError::Panicked.into())))
    }
}

/// A connection in use. It returns to the pool only if it is known to be outside any transaction. A
/// dropped, timed out or panicked lease closes it.
struct Lease {
    object: Option<Object<Connector>>,
    is_reusable: bool,
}

impl Lease {
    /// Begins a transaction. A pooled connection may be dead without notice, and a failed `begin` has
    /// no effect, so this retries once on another connection.
    async fn begin(pool: &Pool<Connector>, transaction: Transaction) -> Result<Self, Failure> {
        let mut lease = Self::take(pool).await?;
        let begin = match transaction {
            Transaction::None => return Ok(lease),
            Transaction::Snapshot => "begin isolation level repeatable read, read only",
            // Every statement sees all earlier commits.
            Transaction::Write => "begin isolation level read committed",
        };
        if let Err(Failure::Unreachable(_)) = lease.execute(begin).await {
            drop(lease);
            lease = Self::take(pool).await?;
            lease.execute(begin).await?;
        }
        Ok(lease)
    }

    async fn take(pool: &Pool<Connector>) -> Result<Self, Failure> {
        let object = pool.get().await.map_err(|error| Failure::Unreachable(error.into()))?;
        Ok(Self { object: Some(object), is_reusable: false })
    }

    async fn execute(&mut self, sql: &str) -> Result<(), Failure> {
        let executed = timeout(WORK_TIMEOUT, self.object()?.conn.batch_execute(sql)).await;
        match executed {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Failure::Unreachable(error.into())),
            Err(_) => Err(Failure::Unreachable(DbError::TimedOut.into())),
        }
    }

    async fn run<R: Send + 'static>(
        &mut self,
        transaction: Transaction,
        work: impl Work<Conn, R>,
    ) -> Result<R, Failure> {
        let object = self.object()?;
        let result = work(&mut object.conn).await;
        let result = result.map_err(|failure| object.last_error.classify(failure));
        if transaction == Transaction::None {
            self.is_reusable = !object.is_closed();
            return result;
        }
        match result {
            Ok(value) => {
                // Without an answer, the outcome of the commit is unknown.
                self.execute("commit").await?;
                self.is_reusable = true;
                Ok(value)
            }
            Err(failure) => match self.execute("rollback").await {
                Ok(()) => {
                    self.is_reusable = true;
                    Err(failure)
                }
                // The connection failed, not the work.
                Err(_) => Err(failure.into_unreachable()),
            },
        }
    }

    fn object(&mut self) -> Result<&mut Object<Connector>, Failure> {
        self.object.as_mut().ok_or(Failure::Failed(DbError::Panicked.into()))
    }
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
