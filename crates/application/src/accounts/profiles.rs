//! Accounts as others see them, and profiles.

use std::collections::{HashMap, HashSet};

use domain::{Account, ProfileUpdate, Timestamp, UserId, policy};

use super::{Accounts, by_name};
use crate::ports::{BackendError, RetryAfter};

/// An account as one viewer may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisibleUser {
    /// Not all of it is for everybody.
    pub account: Account,
    pub online: bool,
    pub last_seen_at: Option<Timestamp>,
}

impl Accounts {
    /// The account of this id, active or not.
    pub async fn account(&self, id: UserId) -> Result<Option<Account>, BackendError> {
        self.ports.accounts.by_id(id).await
    }

    /// The users with these ids, in this order, without those that others do not find.
    pub async fn users(
        &self,
        viewer: UserId,
        ids: &[UserId],
    ) -> Result<Vec<VisibleUser>, BackendError> {
        let found = self.ports.accounts.by_ids(ids).await?;
        let found = found.into_iter().filter(policy::is_findable);
        let mut found: HashMap<_, _> = found.map(|account| (account.id, account)).collect();
        let found = ids.iter().filter_map(|id| found.remove(id)).collect();
        self.seen_by(viewer, found).await
    }

    /// The user with this id.
    pub async fn user(
        &self,
        viewer: UserId,
        id: UserId,
    ) -> Result<Option<VisibleUser>, BackendError> {
        Ok(self.users(viewer, &[id]).await?.pop())
    }

    /// The user whom this name means.
    pub async fn user_by_name(
        &self,
        viewer: UserId,
        name: &str,
    ) -> Result<Option<VisibleUser>, BackendError> {
        let stored = by_name(&*self.ports.accounts, name, self.names).await?;
        let found = stored.map(|stored| stored.account).filter(policy::is_findable);
        Ok(self.seen_by(viewer, found.into_iter().collect()).await?.pop())
    }

    async fn seen_by(
        &self,
        viewer: UserId,
        accounts: Vec<Account>,
    ) -> Result<Vec<VisibleUser>, BackendError> {
        let ids: Vec<UserId> = accounts.iter().map(|account| account.id).collect();
        let statuses = self.ports.inbox.contact_statuses(viewer, &ids).await?;
        let blocks = statuses.into_iter().filter(|status| status.is_block_between());
        let blocks: HashSet<UserId> = blocks.map(|status| status.user).collect();
        let seen = |account: Account| {
            let may_see = policy::may_see_presence(viewer, &account, blocks.contains(&account.id));
            VisibleUser {
                online: may_see && self.presence.connections(&account.username) > 0,
                last_seen_at: account.last_seen_at.filter(|_| may_see),
                account,
            }
        };
        Ok(accounts.into_iter().map(seen).collect())
    }

    /// Updates the caller's profile; returns the account as it is then.
    pub async fn edit_profile(
        &self,
        caller: &Account,
        update: ProfileUpdate,
    ) -> Result<Account, EditProfileError> {
        self.limits.message_by(caller.id).await?;
        let account = self.ports.accounts.set_profile(caller.id, update).await;
        let account = account.map_err(BackendError::from)?;
        self.hub.inbox_changed(caller.id).await;
        account.ok_or(EditProfileError::NoAccount)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum EditProfileError {
    #[error("no such account")]
    NoAccount,
    #[error(transparent)]
    Limited(#[from] RetryAfter),
    #[error(transparent)]
    Backend(#[from] BackendError),
}
