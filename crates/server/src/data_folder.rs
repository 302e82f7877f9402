//! The folder for everything that the server keeps.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, ErrorKind, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process,
};

/// Why nothing can be kept in a folder.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataFolderError {
    /// No place is left on its disk, or in the user's share of it.
    #[error("the disk of the data folder {} is full", .0.display())]
    Full(PathBuf),
    /// The path, or a part of it, is something else than a folder.
    #[error("the data folder {} cannot be made: a part of this path is not a folder", .0.display())]
    NotAFolder(PathBuf),
    /// Anything else.
    #[error("the data folder {} cannot be written to", path.display())]
    Unwritable { path: PathBuf, source: io::Error },
}

/// Bytes written to see whether there is place.
const PROBE_BYTES: usize = 64 << 10;

/// Makes the folder if it is absent, for its owner only, and writes a probe to
/// it, because neither permissions nor free place can be told in advance.
pub(crate) fn prepare(path: &Path) -> Result<(), DataFolderError> {
    let explain = |error| explain(path, error);
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(explain)?;
    let probe = path.join(format!(".probe-{}", process::id()));
    let written = write_probe(&probe);
    let removed = fs::remove_file(&probe);
    written.and(removed).map_err(explain)
}

fn write_probe(probe: &Path) -> io::Result<()> {
    let mut file = File::create(probe)?;
    file.write_all(&vec![0; PROBE_BYTES])?;
    file.sync_all()
}

fn explain(path: &Path, source: io::Error) -> DataFolderError {
    let path = path.to_owned();
    match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => DataFolderError::Full(path),
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => DataFolderError::NotAFolder(path),
        _ => DataFolderError::Unwritable { path, source },
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io, os::unix::fs::PermissionsExt, path::Path};

    use super::{explain, prepare};
    use crate::scratch::Scratch;

    #[test]
    fn an_absent_folder_is_made_for_its_owner_only_and_left_empty() {
        let scratch = Scratch::new();
        let folder = scratch.path().join("a/b");

        prepare(&folder).unwrap();
        prepare(&folder).unwrap();

        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let scratch = Scratch::new();
        let file = scratch.path().join("file");
        fs::write(&file, "").unwrap();

        for path in [file.clone(), file.join("data")] {
            let told = prepare(&path).unwrap_err().to_string();
            assert_eq!(
                told,
                format!(
                    "the data folder {} cannot be made: a part of this path is not a folder",
                    path.display()
                )
            );
        }
    }

    #[test]
    fn a_folder_that_takes_no_files_is_told_with_the_cause() {
        let told = prepare(Path::new("/proc/self")).unwrap_err().to_string();

        assert_eq!(told, "the data folder /proc/self cannot be written to");
    }

    #[test]
    fn a_full_disk_is_told_as_such() {
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded] {
            let told = explain(Path::new("data"), kind.into()).to_string();
            assert_eq!(told, "the disk of the data folder data is full");
        }
    }
}
