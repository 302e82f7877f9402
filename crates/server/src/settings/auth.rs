//! Tokens and passwords.

use std::time::Duration;

use super::{Secret, reader::Reader, signing_key};

/// Tokens and passwords: section `[auth]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuthSettings {
    /// Key that signs tokens; `None` when it is kept in the data folder.
    pub(crate) secret: Option<Secret>,
    pub(crate) access_ttl: Duration,
    /// Not less than `access_ttl`.
    pub(crate) refresh_ttl: Duration,
    /// How long a rotated refresh token still gets its successor; zero is the
    /// reference's way, where a replay ends nothing.
    pub(crate) refresh_grace: Duration,
    pub(crate) bcrypt_cost: u32,
}

pub(super) fn read(reader: &mut Reader<'_>) -> Option<AuthSettings> {
    let secret = reader.parsed("auth.secret", |text| match text {
        "" => Ok(None),
        text => signing_key(text).map(Some),
    });
    let access_ttl = reader.seconds("auth.access_ttl_s", 1..=31_536_000);
    let refresh_ttl = reader.seconds("auth.refresh_ttl_s", 1..=315_360_000);
    let refresh_grace = reader.seconds("auth.refresh_grace_s", 0..=300);
    let bcrypt_cost = reader.integer("auth.bcrypt_cost", 4..=16);
    reader.at_least(("auth.refresh_ttl_s", &refresh_ttl), ("auth.access_ttl_s", &access_ttl));
    Some(AuthSettings {
        secret: secret?,
        access_ttl: access_ttl?,
        refresh_ttl: refresh_ttl?,
        refresh_grace: refresh_grace?,
        bcrypt_cost: bcrypt_cost?,
    })
}
