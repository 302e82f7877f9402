//! Blocking users.

use domain::{Account, Refusal, UserId, Username, policy};

use super::{Chat, ChatError};

/// Blocked accounts per user.
const MAX_BLOCKS: usize = 1_000;

impl Chat {
    /// Blocks or unblocks a user. Idempotent.
    ///
    /// # Errors
    ///
    /// [`ChatError`]: users cannot block themselves, or more than 1,000 accounts.
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
        if present {
            let account = self.ports.accounts.by_id(user).await?;
            account.filter(policy::is_findable).ok_or(Refusal::NotFound)?;
            // Every page read checks all of them, so their number is bounded.
            let blocked = self.ports.inbox.blocked_by(caller.id).await?;
            if blocked.len() >= MAX_BLOCKS && !blocked.iter().any(|(id, _)| *id == user) {
                return Err(Refusal::Full.into());
            }
        }
        self.ports.inbox.set_blocked(caller.id, user, present).await?;
        // Both see less of each other.
        self.hub.inbox_changed(caller.id).await;
        self.hub.inbox_changed(user).await;
        Ok(())
    }

    pub async fn blocked(&self, caller: &Account) -> Result<Vec<(UserId, Username)>, ChatError> {
        Ok(self.ports.inbox.blocked_by(caller.id).await?)
    }
}
