//! What a server takes hold of before it opens its database: each is refused
//! with one sentence.

use std::{net::TcpListener, path::Path};

use crate::{
    data_folder::{self, DataFolderError},
    instance_lock::{InstanceLock, InstanceLockError},
    listener::{self, ListenError},
    secret_file::{self, SecretFileError},
    settings::{Secret, Settings, StorageUrl},
};

/// What a server holds for as long as it runs.
#[derive(Debug)]
pub(crate) struct Resources {
    /// Keeps a second server off an SQLite database.
    pub(crate) lock: Option<InstanceLock>,
    /// Signs tokens.
    pub(crate) signing_key: Secret,
    /// Bound, listening, and not blocking; nothing is accepted yet.
    pub(crate) listener: TcpListener,
}

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResourceError {
    #[error(transparent)]
    DataFolder(#[from] DataFolderError),
    #[error(transparent)]
    InstanceLock(#[from] InstanceLockError),
    #[error(transparent)]
    SecretFile(#[from] SecretFileError),
    #[error(transparent)]
    Listen(#[from] ListenError),
}

/// Takes everything that the server needs, or nothing.
pub(crate) fn acquire(settings: &Settings) -> Result<Resources, ResourceError> {
    prepare_folders(settings)?;
    let lock = match &settings.storage.url {
        StorageUrl::Sqlite(file) => Some(InstanceLock::take(file)?),
        StorageUrl::Postgres(_) => None,
    };
    let signing_key = match &settings.auth.secret {
        Some(key) => key.clone(),
        None => secret_file::load_or_create(&settings.data_dir)?,
    };
    let listener = listener::listen(settings.http.bind)?;
    Ok(Resources { lock, signing_key, listener })
}

/// Makes the data folder, and that of the database if it is another.
///
/// With PostgreSQL nothing is kept here, and none is made.
pub(crate) fn prepare_folders(settings: &Settings) -> Result<(), DataFolderError> {
    let StorageUrl::Sqlite(file) = &settings.storage.url else {
        return Ok(());
    };
    data_folder::prepare(&settings.data_dir)?;
    match file.parent().filter(|path| *path != Path::new("")) {
        Some(folder) if folder != settings.data_dir => data_folder::prepare(folder),
        Some(_) | None => Ok(()),
    }
}
