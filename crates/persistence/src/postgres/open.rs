//! Opening and closing a database.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use application::ports::{BackendError, Clock, with_causes};
use deadpool::Runtime;
use deadpool::managed::{Pool, QueueMode};
use diesel::dsl::sql;
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;

use super::Db;
use super::address::Address;
use super::connection::Connector;
use super::migrations;

/// The longest wait for a pooled connection while all are in use.
const POOL_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest wait for a new one. It bounds the round trips over a slow network, because a silent
/// server is given up earlier.
const CREATE_TIMEOUT: Duration = Duration::from_secs(15);

/// The storage ports over one PostgreSQL database, which any number of nodes may share.
///
/// Its connections run on the runtime that opened it. Work that has begun completes even if its
/// caller is dropped.
pub struct PostgresChat {
    pub(super) db: Db,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostgresOptions {
    /// The most connections at a time, at least 1.
    pub connections: usize,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self { connections: 16 }
    }
}

impl PostgresChat {
    /// Opens the database at `url` (`postgres://user:password@host:port/database`, with libpq's
    /// `sslmode` and `sslrootcert`), and migrates its schema. Call it on a multi-threaded runtime
    /// that outlives the result. The times of messages come from the database, not from `clock`.
    pub async fn open(
        url: &str,
        clock: Arc<dyn Clock>,
        options: PostgresOptions,
    ) -> Result<Self, PostgresError> {
        let connector = Connector::new(Address::parse(url)?)?;
        migrations::run(&connector).await?;
        let pool = Pool::builder(connector)
            .max_size(options.connections.max(1))
            .wait_timeout(Some(POOL_TIMEOUT))
            .create_timeout(Some(CREATE_TIMEOUT))
            // The most recently used connection has prepared statements and warm caches.
            .queue_mode(QueueMode::Lifo)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| PostgresError::Pool { source: error.into() })?;
        Ok(Self { db: Db::new(pool, clock) })
    }

    /// Migrates the database at `url`, and returns the versions that were added.
    pub async fn migrate(url: &str) -> Result<Vec<String>, PostgresError> {
        migrations::run(&Connector::new(Address::parse(url)?)?).await
    }

    /// `synchronous_commit` of the connections: `on` means that acknowledged commits are on disk.
    pub async fn synchronous_commit(&self) -> Result<String, BackendError> {
        self.read("read synchronous_commit", async |conn| {
            let setting = sql::<Text>("select current_setting('synchronous_commit')");
            Ok(setting.get_result(conn).await?)
        })
        .await
    }

    /// Refuses new requests.
    pub fn close(&self) {
        self.db.close();
    }
}

type Cause = Box<dyn Error + Send + Sync>;

/// Why a database could not be opened. Messages never contain the password.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    #[error("the database URL cannot be used: {reason}")]
    Address { reason: String },
    #[error("the connection cannot be secured: {reason}")]
    Tls { reason: String },
    /// For example a wrong password or an unknown database.
    #[error("the database {address} refused: {reason}")]
    Refused { address: String, reason: String },
    /// No server answers, or the server does not agree on encryption.
    #[error("the database {address} cannot be reached: {source}")]
    Unreachable { address: String, source: Cause },
    #[error("the database {address} refused the settings of a connection: {source}")]
    SetUp { address: String, source: Cause },
    /// The database has tables of another program.
    #[error("the database {address} belongs to another program")]
    Foreign { address: String },
    #[error(
        "the database {address} was made by a development version before 0.2 and cannot be \
         migrated; start with an empty one"
    )]
    Development { address: String },
    #[error("the database {address} could not be migrated: {source}")]
    Migrate { address: String, source: Cause },
    #[error("cannot create a connection pool: {source}")]
    Pool { source: Cause },
}

impl PostgresError {
    pub(super) fn of(address: &Address, error: &tokio_postgres::Error) -> Self {
        let address = address.to_string();
        match error.as_db_error() {
            Some(refusal) => Self::Refused { address, reason: refusal.message().to_owned() },
            None => Self::Unreachable { address, source: with_causes(error).into() },
        }
    }
}
