//! What one shows of oneself.

use std::sync::Arc;

use domain::{Account, ProfileUpdate};

use crate::ports::{AccountStore, BackendError, RetryAfter};
use crate::{Hub, Limits};

/// Alters what somebody shows of itself.
#[derive(Clone)]
pub struct EditProfile {
    accounts: Arc<dyn AccountStore>,
    hub: Hub,
    limits: Limits,
}

impl EditProfile {
    /// Over this port, and the hub that tells the account's sockets.
    #[must_use]
    pub fn new(accounts: Arc<dyn AccountStore>, hub: Hub, limits: Limits) -> Self {
        Self { accounts, hub, limits }
    }

    /// The caller's account as it is then.
    pub async fn execute(
        &self,
        caller: &Account,
        update: ProfileUpdate,
    ) -> Result<Account, EditProfileError> {
        self.limits.message_by(caller.id).await?;
        let account = self.accounts.set_profile(caller.id, update).await;
        let account = account.map_err(BackendError::from)?;
        self.hub.inbox_changed(caller.id).await;
        account.ok_or(EditProfileError::NoAccount)
    }
}

/// Why a profile was left as it was.
#[derive(Debug, thiserror::Error)]
pub enum EditProfileError {
    /// The account is gone.
    #[error("no such account")]
    NoAccount,
    /// Too much at once.
    #[error(transparent)]
    Limited(#[from] RetryAfter),
    /// The store failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
}
