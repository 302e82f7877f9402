//! How people are seen by others.

use std::collections::HashMap;
use std::sync::Arc;

use domain::{Account, Timestamp, UserId, policy};

use crate::Presence;
use crate::ports::{AccountStore, BackendError};

/// Shows people to each other. Cheap to clone.
#[derive(Clone)]
pub struct FindUsers {
    accounts: Arc<dyn AccountStore>,
    presence: Presence,
}

/// Somebody, as somebody else may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisibleUser {
    /// The account, of which not everything is for everybody.
    pub account: Account,
    /// It is there now, as far as the viewer may know.
    pub online: bool,
    /// When it last was, as far as the viewer may know.
    pub last_seen_at: Option<Timestamp>,
}

impl FindUsers {
    /// Over a store and the roster.
    #[must_use]
    pub fn new(accounts: Arc<dyn AccountStore>, presence: Presence) -> Self {
        Self { accounts, presence }
    }

    /// Those who have these ids, disabled or not, in this order.
    pub async fn by_ids(
        &self,
        viewer: UserId,
        ids: &[UserId],
    ) -> Result<Vec<VisibleUser>, BackendError> {
        let found = self.accounts.by_ids(ids).await?;
        let mut found: HashMap<_, _> =
            found.into_iter().map(|account| (account.id, account)).collect();
        let found = ids.iter().filter_map(|id| found.remove(id));
        Ok(found.map(|account| self.seen_by(viewer, account)).collect())
    }

    /// Who has this id, disabled or not.
    pub async fn by_id(
        &self,
        viewer: UserId,
        id: UserId,
    ) -> Result<Option<VisibleUser>, BackendError> {
        let found = self.accounts.by_id(id).await?;
        Ok(found.map(|account| self.seen_by(viewer, account)))
    }

    /// Who has exactly this name, unless disabled.
    pub async fn by_username(
        &self,
        viewer: UserId,
        name: &str,
    ) -> Result<Option<VisibleUser>, BackendError> {
        let stored = self.accounts.by_username(name).await?;
        let found = stored.map(|stored| stored.account).filter(|account| account.active);
        Ok(found.map(|account| self.seen_by(viewer, account)))
    }

    fn seen_by(&self, viewer: UserId, account: Account) -> VisibleUser {
        let may_see = policy::may_see_presence(viewer, &account);
        VisibleUser {
            online: may_see && self.presence.connections(&account.username) > 0,
            last_seen_at: account.last_seen_at.filter(|_| may_see),
            account,
        }
    }
}
