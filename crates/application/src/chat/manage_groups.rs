//! Group management for administrators.

use std::sync::Arc;

use domain::{Account, Action, ConversationId, Intent, Refusal, Role, policy};

use crate::ports::{AccountStore, BackendError, ConversationStore};
use crate::security_log::administered;

/// The group commands of the command line.
#[derive(Clone)]
pub struct ManageGroups {
    accounts: Arc<dyn AccountStore>,
    conversations: Arc<dyn ConversationStore>,
}

impl ManageGroups {
    #[must_use]
    pub fn new(accounts: Arc<dyn AccountStore>, conversations: Arc<dyn ConversationStore>) -> Self {
        Self { accounts, conversations }
    }

    /// Makes a member the owner of a group that has none, in the name of a superuser.
    pub async fn assign_owner(
        &self,
        superuser: &str,
        group: ConversationId,
        username: &str,
    ) -> Result<(), ManageGroupsError> {
        let actor = self.find(superuser).await?;
        if !policy::may_audit(&actor) {
            return Err(ManageGroupsError::NoSuperuser(superuser.to_owned()));
        }
        let user = self.find(username).await?.id;
        let action = Action::SetRole { user, role: Role::Owner };
        let intent = Intent { conversation: group, actor: actor.id, action };
        let answers = self.conversations.commit(vec![intent]).await.map_err(BackendError::from)?;
        for answer in answers {
            answer?;
        }
        administered("owner_assigned", user);
        Ok(())
    }

    async fn find(&self, username: &str) -> Result<Account, ManageGroupsError> {
        let stored = self.accounts.by_username(username).await?;
        let account = stored.map(|stored| stored.account);
        account.ok_or_else(|| ManageGroupsError::UnknownUser(username.to_owned()))
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ManageGroupsError {
    #[error("there is no user {0:?}")]
    UnknownUser(String),
    #[error("{0:?} is no active superuser")]
    NoSuperuser(String),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Backend(#[from] BackendError),
}
