//! Only one server at a time on an SQLite file.
//!
//! Live events pass within the process, so a second server's clients would
//! not see them.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

/// Held for as long as this process serves the database.
///
/// The system lets go of it when the process ends, however that happens.
#[derive(Debug)]
pub(crate) struct InstanceLock {
    _file: File,
}

/// Why the database cannot be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InstanceLockError {
    /// Another process holds the lock.
    #[error("another server is running on the database {}; stop it first", .0.display())]
    Taken(PathBuf),
    /// The lock itself failed.
    #[error("the lock file {} cannot be used", path.display())]
    Unusable { path: PathBuf, source: io::Error },
}

impl InstanceLock {
    /// Takes the lock of a database, whose folder must exist.
    ///
    /// The lock is a file beside the database, so that SQLite's own locks and
    /// tools that copy the database are not disturbed.
    pub(crate) fn take(database: &Path) -> Result<Self, InstanceLockError> {
        let path = lock_path(database);
        let unusable = |source| InstanceLockError::Unusable { path: path.clone(), source };
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(InstanceLockError::Taken(database.to_owned())),
            Err(TryLockError::Error(source)) => Err(unusable(source)),
        }
    }
}

/// The same file for every path that leads to the database.
fn lock_path(database: &Path) -> PathBuf {
    let mut path =
        OsString::from(fs::canonicalize(database).unwrap_or_else(|_| database.to_owned()));
    path.push(".lock");
    path.into()
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::{InstanceLock, InstanceLockError};
    use crate::scratch::Scratch;

    #[test]
    fn a_second_server_is_refused_until_the_first_has_gone() {
        let folder = Scratch::new();
        let database = folder.path().join("chat.sqlite3");
        let first = InstanceLock::take(&database).unwrap();

        let second = InstanceLock::take(&database).unwrap_err();

        let want = format!(
            "another server is running on the database {}; stop it first",
            database.display()
        );
        assert_eq!(second.to_string(), want);
        drop(first);
        assert!(InstanceLock::take(&database).is_ok());
    }

    #[test]
    fn another_path_to_the_same_database_is_no_way_around() {
        let folder = Scratch::new();
        let database = folder.path().join("chat.sqlite3");
        let link = folder.path().join("link.sqlite3");
        fs::write(&database, "").unwrap();
        symlink(&database, &link).unwrap();
        let _first = InstanceLock::take(&database).unwrap();

        assert!(matches!(InstanceLock::take(&link), Err(InstanceLockError::Taken(_))));
    }

    #[test]
    fn a_folder_that_is_not_there_is_told() {
        let folder = Scratch::new();
        let database = folder.path().join("absent/chat.sqlite3");

        let told = InstanceLock::take(&database).unwrap_err().to_string();

        assert!(told.contains("chat.sqlite3.lock cannot be used"), "{told}");
    }
}
