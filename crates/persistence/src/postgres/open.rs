//! Opening and closing a database.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use application::ports::{BackendError, Clock};
use deadpool::Runtime;
use deadpool::managed::{Pool, QueueMode};
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;

use super::Db;
use super::address::Address;
use super::connection::Connector;
use super::migrations;

/// Longest wait for a connection of the pool, and for a new one.
const POOL_TIMEOUT: Duration = Duration::from_secs(5);

/// The storage ports, over one PostgreSQL database, which any number of
/// nodes may share.
///
/// Its connections live on the runtime on which it was opened. What was begun
/// is finished, whatever becomes of who asked for it.
pub struct PostgresChat {
    pub(super) db: Db,
}

/// How much a [`PostgresChat`] does at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostgresOptions {
    /// Connections at the same time, at least 1.
    pub connections: usize,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self { connections: 16 }
    }
}

impl PostgresChat {
    /// Opens the database at `url` (`postgres://user:password@host:port/database`,
    /// with libpq's `sslmode` and `sslrootcert`), and brings its schema up to
    /// date. To be called on a runtime with several threads, which has to
    /// outlive this. `clock` is not asked for the time of messages.
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
            .create_timeout(Some(POOL_TIMEOUT))
            // One that was just used has its statements prepared, and all that they need at hand.
            .queue_mode(QueueMode::Lifo)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| PostgresError::Pool { source: error.into() })?;
        Ok(Self { db: Db::new(pool, clock) })
    }

    /// Brings the database at `url` up to date, as [`Self::open`] does, and
    /// says which versions were added.
    pub async fn migrate(url: &str) -> Result<Vec<String>, PostgresError> {
        migrations::run(&Connector::new(Address::parse(url)?)?).await
    }

    /// `synchronous_commit` of its connections: `on` means that what is
    /// acknowledged is on disk.
    ///
    /// # Errors
    ///
    /// [`BackendError`] when the database did not answer.
    pub async fn synchronous_commit(&self) -> Result<String, BackendError> {
        self.db
            .read(async |conn| {
                let row: Setting =
                    diesel::sql_query("select current_setting('synchronous_commit') as value")
                        .get_result(conn)
                        .await?;
                Ok(row.value)
            })
            .await
            .map_err(|failure| failure.into_backend_error("read synchronous_commit"))
    }

    /// Takes no more requests; those made after it fail.
    pub fn close(&self) {
        self.db.close();
    }
}

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    value: String,
}

type Cause = Box<dyn Error + Send + Sync>;

/// Why a database could not be opened. Never names a password.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// The URL cannot be used.
    #[error("the database URL cannot be used: {reason}")]
    Address {
        /// What is wrong with it.
        reason: String,
    },
    /// The certificates for `sslmode` cannot be used.
    #[error("the connection cannot be secured: {reason}")]
    Tls {
        /// What is wrong with them.
        reason: String,
    },
    /// The database refused: a wrong password, an unknown name.
    #[error("the database {address} refused: {reason}")]
    Refused {
        /// Host, port and name.
        address: String,
        /// In its own words.
        reason: String,
    },
    /// Nobody is there, or the two cannot agree on encryption.
    #[error("the database {address} cannot be reached: {source}")]
    Unreachable {
        /// Host, port and name.
        address: String,
        /// What happened.
        source: Cause,
    },
    /// The connection could not be set up.
    #[error("the database {address} does not take the settings of a connection: {source}")]
    SetUp {
        /// Host, port and name.
        address: String,
        /// What happened.
        source: Cause,
    },
    /// The database is one of something else.
    #[error("the database {address} belongs to another program")]
    Foreign {
        /// Host, port and name.
        address: String,
    },
    /// The schema could not be brought up to date.
    #[error("the database {address} could not be brought up to date: {source}")]
    Migrate {
        /// Host, port and name.
        address: String,
        /// What happened.
        source: Cause,
    },
    /// The pool could not be made.
    #[error("no pool of connections: {source}")]
    Pool {
        /// What happened.
        source: Cause,
    },
}

impl PostgresError {
    pub(super) fn of(address: &Address, error: &tokio_postgres::Error) -> Self {
        let address = address.to_string();
        match error.as_db_error() {
            Some(refusal) => Self::Refused { address, reason: refusal.message().to_owned() },
            None => Self::Unreachable { address, source: told(error).into() },
        }
    }
}

/// An error with its causes: the driver's own words are "error connecting to server".
pub(super) fn told(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
