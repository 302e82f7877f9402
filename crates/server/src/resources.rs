//! The resources of a server: data folder, database lock, signing key and listening socket. A server acquires them
//! before it opens its database. Each error is one sentence.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, ErrorKind, Write},
    net::{SocketAddr, TcpListener},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process,
};

use socket2::{Domain, Protocol, Socket, Type};

use crate::{
    instance_lock::InstanceLock,
    secret_file::{self, SecretFileError},
    settings::{Secret, Settings, StorageUrl},
};

/// Held for as long as the server runs.
#[derive(Debug)]
pub(crate) struct Resources {
    /// Prevents a second server on an SQLite database.
    pub(crate) lock: Option<InstanceLock>,
    pub(crate) signing_key: Secret,
    /// Listens in non-blocking mode, and has accepted no connection yet.
    pub(crate) listener: TcpListener,
}

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResourceError {
    #[error("the disk of the data folder {} is full", .0.display())]
    DiskFull(PathBuf),
    #[error("the data folder {} cannot be made: a part of this path is not a folder", .0.display())]
    NotAFolder(PathBuf),
    #[error("the data folder {} cannot be written to", path.display())]
    Unwritable { path: PathBuf, source: io::Error },
    #[error("another server is running on the database {}; stop it first", .0.display())]
    DatabaseInUse(PathBuf),
    #[error("the lock file {} cannot be used", path.display())]
    LockUnusable { path: PathBuf, source: io::Error },
    #[error(transparent)]
    SecretFile(#[from] SecretFileError),
    #[error("{0} is in use by another program; stop it, or set http.bind (CHAT__HTTP__BIND)")]
    AddressInUse(SocketAddr),
    #[error("listening on {0} is not permitted; set http.bind to a port from 1024 on")]
    PortNotPermitted(SocketAddr),
    #[error("{0} is not an address of this machine; set http.bind (CHAT__HTTP__BIND)")]
    AddressNotHere(SocketAddr),
    #[error("listening on {address} failed")]
    Listen { address: SocketAddr, source: io::Error },
}

/// Acquires all resources or none.
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
    let listener = listen(settings.http.bind)?;
    Ok(Resources { lock, signing_key, listener })
}

/// Creates the data folder, and the folder of the database if it differs. PostgreSQL needs neither.
pub(crate) fn prepare_folders(settings: &Settings) -> Result<(), ResourceError> {
    let StorageUrl::Sqlite(file) = &settings.storage.url else {
        return Ok(());
    };
    prepare_folder(&settings.data_dir)?;
    match file.parent().filter(|path| *path != Path::new("")) {
        Some(folder) if folder != settings.data_dir => prepare_folder(folder),
        Some(_) | None => Ok(()),
    }
}

const PROBE_BYTES: usize = 64 << 10;

/// Creates the folder if it is missing, for its owner only. Writes a probe to it, because neither permissions nor free
/// space can be checked in advance.
fn prepare_folder(path: &Path) -> Result<(), ResourceError> {
    let explain = |error| explain_io(path, error);
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

fn explain_io(path: &Path, source: io::Error) -> ResourceError {
    let path = path.to_owned();
    match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => ResourceError::DiskFull(path),
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => ResourceError::NotAFolder(path),
        _ => ResourceError::Unwritable { path, source },
    }
}

/// Connections that wait to be accepted. Large, because many clients reconnect at once after a restart. The system may
/// lower it (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;

fn listen(address: SocketAddr) -> Result<TcpListener, ResourceError> {
    open_listener(address).map_err(|source| match source.kind() {
        ErrorKind::AddrInUse => ResourceError::AddressInUse(address),
        ErrorKind::PermissionDenied => ResourceError::PortNotPermitted(address),
        ErrorKind::AddrNotAvailable => ResourceError::AddressNotHere(address),
        _ => ResourceError::Listen { address, source },
    })
}

fn open_listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of a previous server in TIME_WAIT must not block the port.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use std::{
        fs, io,
        net::{SocketAddr, TcpStream},
        os::unix::fs::PermissionsExt,
        path::Path,
    };

    use super::*;

    #[test]
    fn a_missing_folder_is_created_for_its_owner_only() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("a/b");

        prepare_folder(&folder).unwrap();
        prepare_folder(&folder).unwrap();

        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    }

    #[test]
    fn a_file_in_place_of_the_folder_is_reported() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("file");
        fs::write(&file, "").unwrap();

        for path in [file.clone(), file.join("data")] {
            let error = prepare_folder(&path).unwrap_err().to_string();
            assert_eq!(
                error,
                format!(
                    "the data folder {} cannot be made: a part of this path is not a folder",
                    path.display()
                )
            );
        }
    }

    #[test]
    fn a_folder_that_cannot_be_written_to_is_reported() {
        let error = prepare_folder(Path::new("/proc/self")).unwrap_err().to_string();

        assert_eq!(error, "the data folder /proc/self cannot be written to");
    }

    #[test]
    fn a_full_disk_is_reported_as_full() {
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded] {
            let error = explain_io(Path::new("data"), kind.into()).to_string();
            assert_eq!(error, "the disk of the data folder data is full");
        }
    }

    #[test]
    fn clients_reach_the_listener() {
        for any_port in ["127.0.0.1:0", "[::1]:0"] {
            let listener = listen(any_port.parse().unwrap()).unwrap();
            TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        }
    }

    #[test]
    fn an_address_in_use_is_reported_as_in_use() {
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let first = listen(any_port).unwrap();
        let address = first.local_addr().unwrap();

        let second = listen(address).unwrap_err();

        assert!(
            matches!(second, ResourceError::AddressInUse(taken) if taken == address),
            "{second}"
        );
    }

    #[test]
    fn an_address_of_another_machine_is_refused() {
        // TEST-NET-1, which no machine has.
        let error = listen(SocketAddr::from(([192, 0, 2, 1], 0))).unwrap_err();

        assert!(matches!(error, ResourceError::AddressNotHere(_)), "{error}");
    }
}
