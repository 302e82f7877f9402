//! Accounts and profiles.

use diesel::prelude::{Queryable, Selectable};
use domain::{
    About, Account, AccountFacts, AddedBy, AuthVersion, DisplayName, Email, Profile, Timestamp,
    UserId, Username,
};

use crate::failure::CorruptRow;
use crate::schema::accounts;

/// Omits the password hash, which only sign-in reads.
#[derive(Queryable, Selectable)]
#[diesel(table_name = accounts)]
pub(crate) struct AccountRow {
    id: i64,
    username: String,
    email: Option<String>,
    active: bool,
    superuser: bool,
    valid_from: i64,
    auth_version: i64,
    last_seen_at: Option<i64>,
    #[diesel(embed)]
    profile: ProfileRow,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = accounts)]
pub(crate) struct ProfileRow {
    display_name: Option<String>,
    about: Option<String>,
    hide_presence: bool,
    added_by: String,
}

impl From<ProfileRow> for Profile {
    fn from(row: ProfileRow) -> Self {
        Self {
            added_by: added_by(&row.added_by),
            display_name: row.display_name.map(DisplayName::accepted),
            about: row.about.map(About::accepted),
            hides_presence: row.hide_presence,
        }
    }
}

impl TryFrom<AccountRow> for Account {
    type Error = CorruptRow;

    fn try_from(row: AccountRow) -> Result<Self, CorruptRow> {
        Ok(Self {
            id: UserId::new(row.id),
            username: username(row.id, &row.username)?,
            email: row.email.map(Email::accepted),
            active: row.active,
            superuser: row.superuser,
            valid_from: Timestamp::from_micros(row.valid_from),
            auth_version: AuthVersion::new(row.auth_version),
            profile: row.profile.into(),
            last_seen_at: row.last_seen_at.map(Timestamp::from_micros),
        })
    }
}

/// From `(id, username, active, superuser)`.
pub(crate) fn account_facts(
    (id, name, active, superuser): (i64, String, bool, bool),
) -> Result<(UserId, AccountFacts), CorruptRow> {
    let username = username(id, &name)?;
    Ok((UserId::new(id), AccountFacts { username, active, superuser }))
}

/// An unknown value of a later version counts as the strictest.
pub(crate) fn added_by(raw: &str) -> AddedBy {
    AddedBy::parse(raw).unwrap_or(AddedBy::Nobody)
}

pub(crate) fn username(id: i64, raw: &str) -> Result<Username, CorruptRow> {
    let corrupt = |_| CorruptRow { table: "accounts", id: id.to_string(), reason: "username" };
    Username::parse(raw).map_err(corrupt)
}
