//! Where the data is.

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use super::{
    Secret,
    connection_url::{ConnectionUrl, STORAGE},
    reader::Reader,
};

/// Where the data is: section `[storage]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StorageSettings {
    pub(crate) url: StorageUrl,
    /// SQLite connections that only read.
    pub(crate) readers: NonZeroUsize,
    /// PostgreSQL connections of this node, at least 1.
    pub(crate) connections: usize,
}

/// What keeps the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StorageUrl {
    /// An SQLite database in this file.
    Sqlite(PathBuf),
    /// The PostgreSQL database at this URL, which may hold a password.
    Postgres(Secret),
}

const FILE_NAME: &str = "chat.sqlite3";

pub(super) fn read(reader: &mut Reader<'_>, data_dir: Option<&Path>) -> Option<StorageSettings> {
    let url = reader.parsed(STORAGE, |text| match ConnectionUrl::parse(text)? {
        ConnectionUrl::DataFolder => Ok(None),
        ConnectionUrl::Sqlite(path) => Ok(Some(StorageUrl::Sqlite(path))),
        ConnectionUrl::Postgres(_) => Ok(Some(StorageUrl::Postgres(Secret::new(text)))),
        ConnectionUrl::Redis(_) => Err("names a Redis, which keeps no data; see bus.redis_url"),
    });
    let readers = reader.threads("storage.readers", 64);
    let connections = reader.integer("storage.connections", 1..=1000);
    let in_data_dir = || Some(StorageUrl::Sqlite(data_dir?.join(FILE_NAME)));
    Some(StorageSettings {
        url: url?.or_else(in_data_dir)?,
        readers: readers?,
        connections: connections?,
    })
}
