//! The lock of an SQLite database, and how its last server ended.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use crate::resources::ResourceError;

/// Ensures that only one server serves an SQLite file: live events stay within the process, so the clients of a second
/// server would miss them. The system releases the lock when the process ends for any reason.
///
/// While a server runs, the file names the mount of the file system, so that the next server knows whether the last one
/// ended together with its machine or disk.
#[derive(Debug)]
pub(crate) struct InstanceLock {
    file: File,
    is_after_power_cut: bool,
}

impl InstanceLock {
    /// Locks a file beside the database, which does not affect SQLite's own locks or tools that copy the database. The
    /// folder must exist.
    pub(crate) fn take(database: &Path) -> Result<Self, ResourceError> {
        let path = lock_path(database);
        let unusable = |source| ResourceError::LockUnusable { path: path.clone(), source };
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => Self::begin(file).map_err(unusable),
            Err(TryLockError::WouldBlock) => Err(ResourceError::DatabaseInUse(database.to_owned())),
            Err(TryLockError::Error(source)) => Err(unusable(source)),
        }
    }

    fn begin(mut file: File) -> io::Result<Self> {
        let mut last = String::new();
        file.read_to_string(&mut last)?;
        let current = mount(&file)?;
        let is_after_power_cut = !last.is_empty() && last != current;
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(current.as_bytes())?;
        file.sync_all()?;
        Ok(Self { file, is_after_power_cut })
    }

    /// Whether the last server ended because its machine or disk failed, so that clients may have seen messages that
    /// are not on the disk.
    pub(crate) fn is_after_power_cut(&self) -> bool {
        self.is_after_power_cut
    }

    /// Records that the server closed the database.
    pub(crate) fn release(self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.sync_all()
    }
}

/// Identifies the boot of the machine and the mount of the file system, as far as the system tells.
fn mount(file: &File) -> io::Result<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    Ok(format!("{} {}", boot.trim(), mount_id(file)?))
}

/// An id that is not used again after the file system was unmounted (since Linux 6.8), or 0.
#[cfg(target_os = "linux")]
fn mount_id(file: &File) -> io::Result<u64> {
    use rustix::fs::{AtFlags, StatxFlags, statx};

    // `STATX_MNT_ID_UNIQUE`, which rustix does not name.
    let unique = StatxFlags::from_bits_retain(0x4000);
    let found = statx(file, "", AtFlags::EMPTY_PATH, unique)?;
    let is_known = StatxFlags::from_bits_retain(found.stx_mask).contains(unique);
    Ok(if is_known { found.stx_mnt_id } else { 0 })
}

#[cfg(not(target_os = "linux"))]
fn mount_id(_file: &File) -> io::Result<u64> {
    Ok(0)
}

/// Every path to a database has the same lock file.
fn lock_path(database: &Path) -> PathBuf {
    let mut path =
        OsString::from(fs::canonicalize(database).unwrap_or_else(|_| database.to_owned()));
    path.push(".lock");
    path.into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_second_server_is_refused_until_the_first_stops() {
        let folder = tempfile::tempdir().unwrap();
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
    fn another_path_to_the_same_database_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("chat.sqlite3");
        let link = folder.path().join("link.sqlite3");
        fs::write(&database, "").unwrap();
        symlink(&database, &link).unwrap();
        let _first = InstanceLock::take(&database).unwrap();

        assert!(matches!(InstanceLock::take(&link), Err(ResourceError::DatabaseInUse(_))));
    }

    #[test]
    fn a_lock_in_an_absent_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("absent/chat.sqlite3");

        let error = InstanceLock::take(&database).unwrap_err().to_string();

        assert!(error.contains("chat.sqlite3.lock cannot be used"), "{error}");
    }

    #[test]
    fn only_a_server_that_ended_with_its_mount_is_a_power_cut() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("chat.sqlite3");
        let take = || InstanceLock::take(&database).unwrap();
        assert!(!take().is_after_power_cut(), "the first start");
        assert!(!take().is_after_power_cut(), "a killed server");
        let other = |lock: &str| fs::write(lock_path(&database), lock).unwrap();

        other("another-boot 7");
        assert!(take().is_after_power_cut());
        assert!(!take().is_after_power_cut(), "only once");
        let lock = take();
        lock.release().unwrap();
        assert_eq!(fs::read_to_string(lock_path(&database)).unwrap(), "");
        assert!(!take().is_after_power_cut(), "a clean stop");
    }
}
