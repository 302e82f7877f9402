use crate::named::named;
use crate::{About, AuthVersion, DisplayName, Email, Timestamp, Update, UserId, Username};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Assigned by the store.
    pub id: UserId,
    /// Unique, as [`crate::NameRule`] compares names.
    pub username: Username,
    /// Unique in the same way; `None` for accounts made by an administrator.
    pub email: Option<Email>,
    /// Whether the account may sign in, read and write.
    pub active: bool,
    /// Whether the account may moderate the lobby and any group.
    pub superuser: bool,
    /// Tokens issued before this second are refused.
    pub valid_from: Timestamp,
    /// Increments when live connections must authenticate again.
    pub auth_version: AuthVersion,
    pub profile: Profile,
    /// When the account's last connection to a node closed, as far as that is recorded.
    pub last_seen_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    pub display_name: Option<DisplayName>,
    pub about: Option<About>,
    /// Hides whether the user is online, types or has read something, and the last-seen time.
    pub hides_presence: bool,
    pub added_by: AddedBy,
}

named! {
    /// Whose additions to a group make the user a member at once. Others' make an invitation, which
    /// the user may accept.
    #[derive(Default)]
    AddedBy {
        #[default]
        Everyone = "everyone",
        /// Active members of a group of the user, and users to whom the user has written directly.
        Acquaintances = "acquaintances",
        Nobody = "nobody",
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfileUpdate {
    pub display_name: Update<DisplayName>,
    pub about: Update<About>,
    /// `None` keeps the current value.
    pub hides_presence: Option<bool>,
    /// `None` keeps the current value.
    pub added_by: Option<AddedBy>,
}

impl Profile {
    #[must_use]
    pub fn updated(&self, update: &ProfileUpdate) -> Self {
        Self {
            display_name: update.display_name.over(self.display_name.as_ref()),
            about: update.about.over(self.about.as_ref()),
            hides_presence: update.hides_presence.unwrap_or(self.hides_presence),
            added_by: update.added_by.unwrap_or(self.added_by),
        }
    }
}
