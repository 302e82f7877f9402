//! Opening and closing a database file.

use std::error::Error;
use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use application::ports::{BackendError, Clock};
use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;

use super::Db;
use super::connection::{Purpose, connect};
use super::db::StartError;
use super::migrations::{self, MigrateError};

/// The storage ports over one SQLite file.
///
/// One thread writes, several read. A request fails at once while the queue of its threads is full.
/// Queued work completes even if its caller is dropped.
pub struct SqliteChat {
    pub(super) db: Arc<Db>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqliteOptions {
    /// The number of reader threads.
    pub readers: NonZero<usize>,
    /// The longest queue, of the writer thread and of the reader threads each.
    pub queue: NonZero<usize>,
    /// How long a write waits for the writes of another program.
    pub busy_timeout: Duration,
    /// How long deleted and replaced texts may remain in the write-ahead log.
    pub erase_after: Duration,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        let one = NonZero::<usize>::MIN;
        Self {
            readers: one.saturating_add(3),
            queue: one.saturating_add(1_023),
            busy_timeout: Duration::from_secs(5),
            erase_after: Duration::from_secs(30),
        }
    }
}

impl SqliteChat {
    /// Opens the file at `path` and migrates its schema. Creates the file and its folder if
    /// needed, readable by this user only. Blocks.
    pub fn open(
        path: &Path,
        clock: Arc<dyn Clock>,
        options: SqliteOptions,
    ) -> Result<Self, OpenError> {
        let file = DatabaseFile::prepare(path)?;
        file.migrate(options.busy_timeout)?;
        let db =
            Db::start(&file.name.as_str().into(), clock, options).map_err(|error| match error {
                StartError::Connect(error) => file.explain(error.into()),
                StartError::Thread(source) => OpenError::Thread { source },
            })?;
        Ok(Self { db: Arc::new(db) })
    }

    /// The writer's `PRAGMA synchronous`: 2 (full) means that acknowledged commits are on disk.
    pub async fn synchronous(&self) -> Result<i64, BackendError> {
        self.db
            .on_writer(async |conn| {
                Ok(sql::<BigInt>("pragma synchronous").get_result(conn).await?)
            })
            .await
            .map_err(|failure| failure.into_backend_error("read pragma synchronous"))
    }

    /// Waits until a commit fails because of the disk. The store refuses everything from then on: what the kernel has
    /// not written may be missing after the next start, and another `fsync` would not report it again.
    pub async fn failed(&self) {
        self.db.failed().await;
    }

    /// Refuses new requests, finishes the queued ones and closes all connections. All data is in the
    /// one file then, unless another program still has it open. Fails if closing panics.
    pub async fn close(&self) -> Result<(), BackendError> {
        let db = Arc::clone(&self.db);
        let closed = tokio::task::spawn_blocking(move || db.close()).await;
        closed.map_err(|error| BackendError::new("close the database", error))
    }
}

/// Migrates the file at `path`, and returns the versions that were added. Blocks. Waits up to
/// `busy_timeout` for writes of another program.
pub fn migrate(path: &Path, busy_timeout: Duration) -> Result<Vec<String>, OpenError> {
    DatabaseFile::prepare(path)?.migrate(busy_timeout)
}

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The path is not UTF-8, or is not the path of a file.
    #[error("the database path {path:?} cannot be used")]
    Path { path: PathBuf },
    #[error("cannot create the folder {folder:?}: {source}")]
    CreateFolder { folder: PathBuf, source: io::Error },
    #[error("cannot write the database {path:?}: {source}")]
    NotWritable { path: PathBuf, source: Box<dyn Error + Send + Sync> },
    #[error("no space left on the disk of the database {path:?}")]
    DiskFull { path: PathBuf },
    #[error("{path:?} is not an SQLite database")]
    NotADatabase { path: PathBuf },
    #[error("the database {path:?} belongs to another program")]
    Foreign { path: PathBuf },
    #[error(
        "the database {path:?} was made by a development version before 0.2 and cannot be migrated; \
         move it away to start with an empty one"
    )]
    Development { path: PathBuf },
    #[error("the database {path:?} has version {version}, made by a newer program than this one")]
    Newer {
        path: PathBuf,
        /// The first version that this program does not know.
        version: String,
    },
    #[error("the database {path:?} is locked by another program")]
    Locked { path: PathBuf },
    #[error("cannot start a thread for the database: {source}")]
    Thread { source: io::Error },
    #[error("cannot open the database {path:?}: {source}")]
    Failed { path: PathBuf, source: Box<dyn Error + Send + Sync> },
}

/// A file that exists and can be written.
struct DatabaseFile {
    path: PathBuf,
    /// Absolute, because SQLite takes some relative paths for URIs.
    name: String,
}

impl DatabaseFile {
    fn prepare(path: &Path) -> Result<Self, OpenError> {
        let unusable = || OpenError::Path { path: path.to_owned() };
        let absolute = std::path::absolute(path).map_err(|_| unusable())?;
        let name = absolute.to_str().filter(|name| !name.contains('\0')).ok_or_else(unusable)?;
        let folder = absolute.parent().ok_or_else(unusable)?;
        create_folder(folder)?;
        let file = Self { path: path.to_owned(), name: name.to_owned() };
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).read(true).write(true);
        restrict_to_this_user(&mut options);
        match options.open(&absolute) {
            Ok(_) => Ok(file),
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                Err(OpenError::DiskFull { path: file.path })
            }
            Err(error) => Err(OpenError::NotWritable { path: file.path, source: error.into() }),
        }
    }

    fn migrate(&self, busy_timeout: Duration) -> Result<Vec<String>, OpenError> {
        let mut connection = connect(&self.name, Purpose::Write, busy_timeout)
            .map_err(|error| self.explain(error.into()))?;
        // Building an index over millions of rows does not fit into memory.
        connection
            .batch_execute("pragma temp_store = file")
            .map_err(|error| self.explain(error.into()))?;
        migrations::run(&mut connection).map_err(|error| match error {
            MigrateError::Foreign => OpenError::Foreign { path: self.path.clone() },
            MigrateError::Development => OpenError::Development { path: self.path.clone() },
            MigrateError::Newer(version) => OpenError::Newer { path: self.path.clone(), version },
            MigrateError::Failed(source) => self.explain(source),
        })
    }

    /// diesel keeps only the text of SQLite's result code.
    fn explain(&self, source: Box<dyn Error + Send + Sync>) -> OpenError {
        let path = self.path.clone();
        let text = source.to_string();
        if text.contains("file is not a database") {
            OpenError::NotADatabase { path }
        } else if text.contains("database or disk is full") {
            OpenError::DiskFull { path }
        } else if text.contains("is locked") {
            OpenError::Locked { path }
        } else if text.contains("readonly database") || text.contains("unable to open") {
            OpenError::NotWritable { path, source }
        } else {
            OpenError::Failed { path, source }
        }
    }
}

fn create_folder(folder: &Path) -> Result<(), OpenError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .map_err(|source| OpenError::CreateFolder { folder: folder.to_owned(), source })
}

/// Restricts access, because the file contains every message.
fn restrict_to_this_user(options: &mut OpenOptions) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    #[cfg(not(unix))]
    let _ = options;
}
