//! What an operator can set: read from all sources, checked as a whole, and
//! given out as values that need no further check.
//!
//! The defaults have one home, config/default.toml.

mod auth;
mod bus;
mod candidates;
mod compat;
mod connection_url;
mod http;
mod limits;
mod log;
mod mistake;
mod reader;
mod reference_names;
mod secret;
mod shown;
mod socket;
mod sources;
mod storage;
mod variables;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use reader::Reader;

pub(crate) use self::{
    auth::AuthSettings,
    bus::BusSettings,
    compat::CompatSettings,
    http::HttpSettings,
    limits::LimitSettings,
    log::{LogFormat, LogSettings},
    mistake::{Mistake, Origin},
    secret::{Secret, signing_key},
    shown::shown,
    socket::SocketSettings,
    sources::{Entry, Sources},
    storage::{StorageSettings, StorageUrl},
};

/// Everything that an operator can set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) profile: Profile,
    /// Folder for everything that the server keeps.
    pub(crate) data_dir: PathBuf,
    pub(crate) http: HttpSettings,
    pub(crate) auth: AuthSettings,
    pub(crate) compat: CompatSettings,
    pub(crate) limits: LimitSettings,
    pub(crate) storage: StorageSettings,
    pub(crate) bus: BusSettings,
    pub(crate) log: LogSettings,
    pub(crate) socket: SocketSettings,
}

/// Which set of defaults applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// What serves the React client best.
    Default,
    /// The reference server, frame for frame.
    Parity,
}

impl Profile {
    fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "default" => Ok(Self::Default),
            "parity" => Ok(Self::Parity),
            _ => Err("must be \"default\" or \"parity\""),
        }
    }
}

impl Sources {
    /// The settings, if everything that was given can be used.
    ///
    /// # Errors
    ///
    /// Every mistake that was made, by name.
    pub(crate) fn settings(self) -> Result<Settings, Vec<Mistake>> {
        let mut reader = Reader::new(&self.entries);
        let settings = read(&mut reader);
        let mut mistakes = self.mistakes;
        mistakes.extend(reader.into_mistakes());
        settings.filter(|_| mistakes.is_empty()).ok_or(mistakes)
    }
}

/// Reads every section before giving up on any, to find all mistakes.
fn read(reader: &mut Reader<'_>) -> Option<Settings> {
    let profile = reader.parsed("profile", Profile::parse);
    let data_dir = reader.parsed("data_dir", |text| match text {
        "" => Err("must name a folder"),
        path => Ok(PathBuf::from(path)),
    });
    let http = http::read(reader);
    let auth = auth::read(reader);
    let compat = compat::read(reader);
    let limits = limits::read(reader);
    let storage = storage::read(reader, data_dir.as_deref());
    let bus = bus::read(reader);
    let log = log::read(reader);
    let socket = socket::read(reader);
    check_shared_key(reader, auth.as_ref(), storage.as_ref());
    Some(Settings {
        profile: profile?,
        data_dir: data_dir?,
        http: http?,
        auth: auth?,
        compat: compat?,
        limits: limits?,
        storage: storage?,
        bus: bus?,
        log: log?,
        socket: socket?,
    })
}

/// A database that several nodes share needs a key that they share.
fn check_shared_key(
    reader: &mut Reader<'_>,
    auth: Option<&AuthSettings>,
    storage: Option<&StorageSettings>,
) {
    let shared = storage.is_some_and(|storage| matches!(storage.url, StorageUrl::Postgres(_)));
    if shared && auth.is_some_and(|auth| auth.secret.is_none()) {
        reader.refuse(
            "auth.secret",
            &"must be set with PostgreSQL: every node signs with the same key",
        );
    }
}
