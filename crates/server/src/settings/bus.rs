//! The bus between nodes.

use super::{
    Secret,
    connection_url::{BUS, ConnectionUrl},
    reader::Reader,
};

/// The bus between nodes: section `[bus]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BusSettings {
    /// The Redis at this URL, which may hold a password; `None` when this
    /// process is the only node.
    pub(crate) redis_url: Option<Secret>,
}

pub(super) fn read(reader: &mut Reader<'_>) -> Option<BusSettings> {
    let redis_url = reader.parsed(BUS, |text| match ConnectionUrl::parse(text) {
        Ok(ConnectionUrl::DataFolder) => Ok(None),
        Ok(ConnectionUrl::Redis(_)) => Ok(Some(Secret::new(text))),
        _ => Err("must be `redis://host` or `rediss://host`"),
    })?;
    Some(BusSettings { redis_url })
}
