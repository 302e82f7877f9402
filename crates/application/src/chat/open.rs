//! Opening conversations.

use domain::{Account, Details, NewGroup, Pair, Refusal, Role, UserId, policy};

use super::{Chat, ChatError};
use crate::ports::InboxEntry;

impl Chat {
    /// Opens a group with the caller as its owner, and others as members.
    ///
    /// # Errors
    ///
    /// See [`ChatError`]: [`Refusal::NotFound`] for somebody who is not there,
    /// [`Refusal::Blocked`] for somebody who blocks the caller.
    pub async fn open_group(
        &self,
        caller: &Account,
        details: Details,
        others: Vec<UserId>,
    ) -> Result<InboxEntry, ChatError> {
        self.limits.message_by(caller.id).await?;
        let mut members = vec![(caller.id, Role::Owner)];
        for user in others {
            if members.iter().any(|(known, _)| *known == user) {
                continue;
            }
            self.reachable(caller, user).await?;
            members.push((user, Role::Member));
        }
        let users: Vec<UserId> = members.iter().map(|(user, _)| *user).collect();
        let new = NewGroup { details, members };
        let id = self.ports.conversations.create_group(new).await?;
        for user in users {
            self.hub.inbox_changed(user).await;
        }
        self.conversation(caller, id).await
    }

    /// The conversation of the caller and somebody else, and whether it is new.
    ///
    /// # Errors
    ///
    /// As [`Self::open_group`]; with oneself there is none.
    pub async fn open_direct(
        &self,
        caller: &Account,
        user: UserId,
    ) -> Result<(InboxEntry, bool), ChatError> {
        self.limits.message_by(caller.id).await?;
        let pair = Pair::of(caller.id, user).ok_or(Refusal::Forbidden)?;
        self.reachable(caller, user).await?;
        let (id, is_new) = self.ports.conversations.open_direct(pair).await?;
        if is_new {
            self.hub.inbox_changed(pair.low()).await;
            self.hub.inbox_changed(pair.high()).await;
        }
        Ok((self.conversation(caller, id).await?, is_new))
    }

    /// Whether somebody is there, and wants to hear from the caller.
    async fn reachable(&self, caller: &Account, user: UserId) -> Result<(), ChatError> {
        let account = self.ports.accounts.by_id(user).await?.ok_or(Refusal::NotFound)?;
        let is_blocked = self.blocked_ids(user).await?.contains(&caller.id);
        Ok(policy::may_approach(&account, is_blocked)?)
    }
}
