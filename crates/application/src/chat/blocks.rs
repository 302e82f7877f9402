//! Whom one does not want to hear from.

use domain::{Account, Refusal, UserId, Username};

use super::{Chat, ChatError};

/// So many accounts one may block.
const MOST: usize = 1_000;

impl Chat {
    /// Blocks somebody, or no longer. However often it is said.
    ///
    /// # Errors
    ///
    /// See [`ChatError`]: nobody blocks oneself, or more than 1,000 accounts.
    pub async fn set_blocked(
        &self,
        caller: &Account,
        user: UserId,
        present: bool,
    ) -> Result<(), ChatError> {
        self.limits.message_by(caller.id).await?;
        if user == caller.id {
            return Err(Refusal::Forbidden.into());
        }
        if self.ports.accounts.by_id(user).await?.is_none() {
            return Err(Refusal::NotFound.into());
        }
        // All of them are looked at for every page that is read.
        let blocked = self.ports.inbox.blocked_by(caller.id).await?;
        if present && blocked.len() >= MOST && !blocked.iter().any(|(id, _)| *id == user) {
            return Err(Refusal::Full.into());
        }
        self.ports.inbox.set_blocked(caller.id, user, present).await?;
        self.hub.inbox_changed(caller.id).await;
        Ok(())
    }

    /// Whom the caller blocks.
    pub async fn blocked(&self, caller: &Account) -> Result<Vec<(UserId, Username)>, ChatError> {
        Ok(self.ports.inbox.blocked_by(caller.id).await?)
    }
}
