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
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Db;
use super::connection::{Purpose, connect};
use super::lane::StartError;
use super::migrations::{self, MigrateError};

/// The storage ports, over one SQLite file.
///
/// Writes take turns on one thread, reads share others. A request that finds
/// too many before it fails at once with [`super::LaneError::Overloaded`];
/// one that was begun is finished, whatever becomes of who asked for it.
pub struct SqliteChat {
    pub(super) db: Arc<Db>,
}

/// How much a [`SqliteChat`] does at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqliteOptions {
    /// Threads that read.
    pub readers: NonZero<usize>,
    /// Requests that may wait for the writer, and as many for the readers.
    pub queue: NonZero<usize>,
    /// How long one waits for another program that writes.
    pub busy_timeout: Duration,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        let one = NonZero::<usize>::MIN;
        Self {
            readers: one.saturating_add(3),
            queue: one.saturating_add(1_023),
            busy_timeout: Duration::from_secs(5),
        }
    }
}

impl SqliteChat {
    /// Opens the file at `path`, and makes it and its folder if need be, for
    /// this user alone; brings the schema up to date. Blocks.
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

    /// The writer's `PRAGMA synchronous`: 2 (full) means that what is
    /// acknowledged is on disk.
    ///
    /// # Errors
    ///
    /// [`BackendError`] when the database did not answer.
    pub async fn synchronous(&self) -> Result<i64, BackendError> {
        self.db
            .on_writer(async |conn| {
                let level = diesel::sql_query("pragma synchronous").get_result::<Level>(conn);
                Ok(level.await?.synchronous)
            })
            .await
            .map_err(|failure| failure.into_backend_error("read pragma synchronous"))
    }

    /// Finishes what was asked for and closes all connections; the data is in the
    /// one file then, unless another program still has it open. Requests made after it fail.
    ///
    /// # Errors
    ///
    /// [`BackendError`] when closing panicked.
    pub async fn close(&self) -> Result<(), BackendError> {
        let db = Arc::clone(&self.db);
        let closed = tokio::task::spawn_blocking(move || db.close()).await;
        closed.map_err(|error| BackendError::new("close the database", error))
    }
}

#[derive(QueryableByName)]
struct Level {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    synchronous: i64,
}

/// Brings the file at `path` up to date, as [`SqliteChat::open`] does, and
/// says which versions were added. Blocks, for `busy_timeout` while another program writes.
pub fn migrate(path: &Path, busy_timeout: Duration) -> Result<Vec<String>, OpenError> {
    DatabaseFile::prepare(path)?.migrate(busy_timeout)
}

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The path is not text, or has no name.
    #[error("the database path {path:?} cannot be used")]
    Path {
        /// As given.
        path: PathBuf,
    },
    /// The folder of the file is missing and cannot be made.
    #[error("cannot create the folder {folder:?}: {source}")]
    CreateFolder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file cannot be made or written.
    #[error("cannot write the database {path:?}: {source}")]
    NotWritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// There is no room.
    #[error("no space left on the disk of the database {path:?}")]
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{path:?} is not an SQLite database")]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file is a database of something else.
    #[error("the database {path:?} belongs to another program")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A newer program has written the file.
    #[error("the database {path:?} has version {version}, made by a newer program than this one")]
    Newer {
        /// The file.
        path: PathBuf,
        /// The first version that this program does not know.
        version: String,
    },
    /// Another program keeps the file locked.
    #[error("the database {path:?} is locked by another program")]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// A thread could not be started.
    #[error("cannot start a thread for the database: {source}")]
    Thread {
        /// What the system said.
        source: io::Error,
    },
    /// Anything else.
    #[error("cannot open the database {path:?}: {source}")]
    Failed {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// A file that exists and can be written.
struct DatabaseFile {
    path: PathBuf,
    /// The absolute path as text: SQLite takes some relative ones for URIs.
    name: String,
}

impl DatabaseFile {
    fn prepare(path: &Path) -> Result<Self, OpenError> {
        let unusable = || OpenError::Path { path: path.to_owned() };
        let absolute = std::path::absolute(path).map_err(|_| unusable())?;
        let name = absolute.to_str().filter(|name| !name.contains('\0')).ok_or_else(unusable)?;
        let folder = absolute.parent().ok_or_else(unusable)?;
        make_folder(folder)?;
        let file = Self { path: path.to_owned(), name: name.to_owned() };
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).read(true).write(true);
        for_this_user_alone(&mut options);
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
        // What an index of millions of rows is sorted in would not fit into memory.
        connection
            .batch_execute("pragma temp_store = file")
            .map_err(|error| self.explain(error.into()))?;
        migrations::run(&mut connection).map_err(|error| match error {
            MigrateError::Foreign => OpenError::Foreign { path: self.path.clone() },
            MigrateError::Newer(version) => OpenError::Newer { path: self.path.clone(), version },
            MigrateError::Failed(source) => self.explain(source),
        })
    }

    /// SQLite's words are all that diesel keeps of its result code.
    fn explain(&self, source: Box<dyn Error + Send + Sync>) -> OpenError {
        let path = self.path.clone();
        let words = source.to_string();
        if words.contains("file is not a database") {
            OpenError::NotADatabase { path }
        } else if words.contains("database or disk is full") {
            OpenError::DiskFull { path }
        } else if words.contains("is locked") {
            OpenError::Locked { path }
        } else if words.contains("readonly database") || words.contains("unable to open") {
            OpenError::NotWritable { path, source }
        } else {
            OpenError::Failed { path, source }
        }
    }
}

fn make_folder(folder: &Path) -> Result<(), OpenError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .map_err(|source| OpenError::CreateFolder { folder: folder.to_owned(), source })
}

/// It holds everything that was ever said.
fn for_this_user_alone(options: &mut OpenOptions) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    #[cfg(not(unix))]
    let _ = options;
}
