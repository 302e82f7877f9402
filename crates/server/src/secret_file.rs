//! The signing key in the data folder, which is created if no key is set.

use std::{
    fs::{self, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use uuid::Uuid;

use crate::settings::{Secret, signing_key};

#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretFileError {
    #[error("{} holds the signing key, and others may open it (mode {mode:04o}); set its mode to 0600", path.display())]
    Open { path: PathBuf, mode: u32 },
    #[error("the signing key in {} {rule}", path.display())]
    Unfit { path: PathBuf, rule: &'static str },
    #[error("{} cannot hold the signing key", path.display())]
    Unusable { path: PathBuf, source: io::Error },
    #[error("cannot create a signing key: the system returns no random bytes")]
    NoRandomness(#[source] getrandom::Error),
}

/// Reads the key in the file `secret` of the data folder, and creates it if it is missing. Concurrent processes all get
/// the key of the first.
pub(crate) fn load_or_create(data_dir: &Path) -> Result<Secret, SecretFileError> {
    let path = data_dir.join("secret");
    let unusable = |source| SecretFileError::Unusable { path: path.clone(), source };
    if !fs::exists(&path).map_err(unusable)? {
        let key = random_key().map_err(SecretFileError::NoRandomness)?;
        create(&path, &key).map_err(unusable)?;
    }
    load(&path)
}

fn load(path: &Path) -> Result<Secret, SecretFileError> {
    let unusable = |source| SecretFileError::Unusable { path: path.to_owned(), source };
    let mode = fs::metadata(path).map_err(unusable)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(SecretFileError::Open { path: path.to_owned(), mode });
    }
    let text = fs::read_to_string(path).map_err(unusable)?;
    signing_key(text.trim_end_matches(['\r', '\n']))
        .map_err(|rule| SecretFileError::Unfit { path: path.to_owned(), rule })
}

/// 32 random bytes in hexadecimal digits.
fn random_key() -> Result<String, getrandom::Error> {
    let mut halves = [[0; 16]; 2];
    for half in &mut halves {
        getrandom::fill(half)?;
    }
    let [one, other] = halves.map(u128::from_be_bytes);
    Ok(format!("{one:032x}{other:032x}"))
}

/// Writes the key to `path` unless the file exists. A hard link fails if the file exists, like `O_EXCL`, and the new
/// file is complete and on disk.
fn create(path: &Path, key: &str) -> io::Result<()> {
    let draft = path.with_file_name(format!(".secret-{}", Uuid::new_v4()));
    let linked = write_new(&draft, key).and_then(|()| fs::hard_link(&draft, path));
    let removed = fs::remove_file(&draft);
    match linked {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => removed,
        Err(error) => Err(error),
        Ok(()) => removed.and_then(|()| sync_folder_of(path)),
    }
}

fn write_new(path: &Path, key: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{key}")?;
    file.sync_all()
}

/// Puts a new file name on disk.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet, fs, os::unix::fs::PermissionsExt, path::Path, sync::Barrier, thread,
    };

    use super::{SecretFileError, load_or_create};

    fn put(folder: &Path, text: &str, mode: u32) {
        let path = folder.join("secret");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn an_absent_key_is_created_once_for_the_owner_only() {
        let folder = tempfile::tempdir().unwrap();

        let made = load_or_create(folder.path()).unwrap();
        let read = load_or_create(folder.path()).unwrap();

        assert_eq!(made, read);
        assert_eq!(made.expose().len(), 64);
        let file = fs::metadata(folder.path().join("secret")).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn concurrent_starts_get_the_same_key() {
        const STARTS: usize = 8;
        let folder = tempfile::tempdir().unwrap();
        let barrier = Barrier::new(STARTS);

        let keys: BTreeSet<String> = thread::scope(|scope| {
            let starts: Vec<_> = (0..STARTS)
                .map(|_| {
                    scope.spawn(|| {
                        barrier.wait();
                        load_or_create(folder.path()).unwrap().expose().to_owned()
                    })
                })
                .collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });

        assert_eq!(keys.len(), 1);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_key_that_others_may_open_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for mode in [0o640, 0o604, 0o660, 0o644] {
            put(folder.path(), "k3J9x0Qm2LrT7vYb5WzN8cHd1FgP4sAe", mode);
            let error = load_or_create(folder.path()).unwrap_err();
            assert!(
                matches!(error, SecretFileError::Open { mode: found, .. } if found == mode),
                "case: {mode:o}: {error}"
            );
        }
    }

    #[test]
    fn an_operators_key_is_used_without_its_line_end() {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), "k3J9x0Qm2LrT7vYb5WzN8cHd1FgP4sAe\r\n", 0o400);

        let key = load_or_create(folder.path()).unwrap();

        assert_eq!(key.expose(), "k3J9x0Qm2LrT7vYb5WzN8cHd1FgP4sAe");
    }

    #[test]
    fn a_file_without_a_valid_key_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["", "hunter2\n", "django-insecure-0123456789012345678901234567890"] {
            put(folder.path(), text, 0o600);
            let error = load_or_create(folder.path()).unwrap_err().to_string();
            assert!(error.starts_with("the signing key in "), "{error}");
            assert!(text.is_empty() || !error.contains(text.trim()), "{error}");
            assert_eq!(fs::read_to_string(folder.path().join("secret")).unwrap(), text);
        }
    }
}
