//! What somebody shows of itself.

use crate::{About, DisplayName, Update};

/// What somebody shows of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// What it wants to be called.
    pub display_name: Option<DisplayName>,
    /// What it says of itself.
    pub about: Option<About>,
    /// Others are not to know whether it is there, and when it last was.
    pub hides_presence: bool,
}

/// What is to become of a profile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfileUpdate {
    /// What it wants to be called.
    pub display_name: Update<DisplayName>,
    /// What it says of itself.
    pub about: Update<About>,
    /// `None` keeps what is.
    pub hides_presence: Option<bool>,
}

impl Profile {
    /// What there is afterwards.
    #[must_use]
    pub fn updated(&self, update: &ProfileUpdate) -> Self {
        Self {
            display_name: update.display_name.over(self.display_name.as_ref()),
            about: update.about.over(self.about.as_ref()),
            hides_presence: update.hides_presence.unwrap_or(self.hides_presence),
        }
    }
}
