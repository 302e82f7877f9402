//! Opening conversations.

use std::collections::BTreeSet;

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
        let others: BTreeSet<UserId> =
            others.into_iter().filter(|user| *user != caller.id).collect();
        let others: Vec<UserId> = others.into_iter().collect();
        self.check_contacts(caller, &others).await?;
        let mut members = vec![(caller.id, Role::Owner)];
        members.extend(others.into_iter().map(|user| (user, Role::Member)));
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
        self.check_contacts(caller, &[user]).await?;
        let (id, is_new) = self.ports.conversations.open_direct(pair).await?;
        if is_new {
            self.hub.inbox_changed(pair.low()).await;
            self.hub.inbox_changed(pair.high()).await;
        }
        Ok((self.conversation(caller, id).await?, is_new))
    }

    /// Whether all of them are there, and want to hear from the caller.
    async fn check_contacts(&self, caller: &Account, users: &[UserId]) -> Result<(), ChatError> {
        let found = self.ports.inbox.contact_statuses(caller.id, users).await?;
        for user in users {
            let approach = found.iter().find(|found| found.user == *user);
            let approach = approach.ok_or(Refusal::UnknownUser)?;
            policy::may_contact(approach.is_active, approach.blocks)?;
        }
        Ok(())
    }
}
