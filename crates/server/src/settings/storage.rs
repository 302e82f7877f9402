//! Where the data is, and the bus between nodes.

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use super::{
    connection_url::{BUS, ConnectionUrl, STORAGE},
    reader::Reader,
};

/// Where the data is: section `[storage]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StorageSettings {
    /// The file of the SQLite database.
    pub(crate) sqlite_file: PathBuf,
    /// Connections that only read.
    pub(crate) readers: NonZeroUsize,
}

const FILE_NAME: &str = "chat.sqlite3";

pub(super) fn read(reader: &mut Reader<'_>, data_dir: Option<&Path>) -> Option<StorageSettings> {
    let sqlite_file = reader.parsed(STORAGE, |text| match ConnectionUrl::parse(text)? {
        ConnectionUrl::DataFolder => Ok(None),
        ConnectionUrl::Sqlite(path) => Ok(Some(path)),
        ConnectionUrl::Postgres(_) => Err(NO_POSTGRESQL),
        ConnectionUrl::Redis(_) => Err("names a Redis, which keeps no data; see bus.redis_url"),
    });
    let readers = reader.threads("storage.readers", 64);
    let bus = reader.parsed(BUS, |text| match ConnectionUrl::parse(text) {
        Ok(ConnectionUrl::DataFolder) => Ok(()),
        Ok(ConnectionUrl::Redis(_)) => Err(NO_REDIS),
        _ => Err("must be `redis://host` or `rediss://host`"),
    });
    bus?;
    let in_data_dir = || Some(data_dir?.join(FILE_NAME));
    Some(StorageSettings { sqlite_file: sqlite_file?.or_else(in_data_dir)?, readers: readers? })
}

const NO_POSTGRESQL: &str = "names a PostgreSQL database, which this build cannot use yet; \
                             leave it empty, or name a file by `sqlite:///path`";
const NO_REDIS: &str = "names a Redis, which this build cannot use yet; leave it empty";
