use crate::{About, DisplayName, Update};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    pub display_name: Option<DisplayName>,
    pub about: Option<About>,
    /// Hides whether the user is online, and the last-seen time.
    pub hides_presence: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfileUpdate {
    pub display_name: Update<DisplayName>,
    pub about: Update<About>,
    /// `None` keeps the current value.
    pub hides_presence: Option<bool>,
}

impl Profile {
    #[must_use]
    pub fn updated(&self, update: &ProfileUpdate) -> Self {
        Self {
            display_name: update.display_name.over(self.display_name.as_ref()),
            about: update.about.over(self.about.as_ref()),
            hides_presence: update.hides_presence.unwrap_or(self.hides_presence),
        }
    }
}
