//! Opening conversations.

use std::collections::BTreeSet;

use domain::{
    Account, ClientId, Details, MemberStatus, NewGroup, Pair, Refusal, Role, UserId, policy,
};

use super::{Chat, ChatError};
use crate::ports::InboxEntry;

impl Chat {
    /// Opens a group with the caller as its owner and other members, and returns whether it is new.
    /// Users who do not let the caller add them are invited.
    /// With a `client_id`, a retry returns the group of the first attempt.
    ///
    /// # Errors
    ///
    /// [`ChatError`]: [`Refusal::NotFound`] for unknown accounts, [`Refusal::Blocked`] for
    /// accounts that block the caller.
    pub async fn open_group(
        &self,
        caller: &Account,
        client_id: Option<ClientId>,
        details: Details,
        others: Vec<UserId>,
    ) -> Result<(InboxEntry, bool), ChatError> {
        self.limits.message_by(caller.id).await?;
        let others: BTreeSet<UserId> =
            others.into_iter().filter(|user| *user != caller.id).collect();
        let others: Vec<UserId> = others.into_iter().collect();
        let mut members = vec![(caller.id, Role::Owner)];
        members.extend(others.iter().map(|user| (*user, Role::Member)));
        let users: Vec<UserId> = members.iter().map(|(user, _)| *user).collect();
        let store = &self.ports.conversations;
        let new_id = || self.ports.ids.client_id();
        let is_named = client_id.is_some();
        let client_id = client_id.unwrap_or_else(new_id);
        let creator = caller.id;
        let mut new = NewGroup { creator, client_id, details, members, invited: BTreeSet::new() };
        // A retry changes nothing, so it succeeds even if others block the caller by now.
        if is_named && let Some(known) = store.created_group(&new).await? {
            return Ok((self.conversation(caller, known?).await?, false));
        }
        self.check_contacts(caller, &others).await?;
        for addition in self.ports.inbox.additions(creator, &others).await? {
            if policy::added_as(&addition)? == MemberStatus::Invited {
                new.invited.insert(addition.user);
            }
        }
        let (id, is_new) = store.create_group(new).await??;
        if is_new {
            for user in users {
                self.hub.inbox_changed(user).await;
            }
        }
        Ok((self.conversation(caller, id).await?, is_new))
    }

    /// Returns the direct conversation with another user, and whether it is new.
    ///
    /// # Errors
    ///
    /// Like [`Self::open_group`]; users cannot open one with themselves.
    pub async fn open_direct(
        &self,
        caller: &Account,
        user: UserId,
    ) -> Result<(InboxEntry, bool), ChatError> {
        self.limits.message_by(caller.id).await?;
        let pair = Pair::of(caller.id, user).ok_or(Refusal::Forbidden)?;
        self.check_contacts(caller, &[user]).await?;
        // The lists show it from its first message on.
        let (id, is_new) = self.ports.conversations.open_direct(pair).await?;
        Ok((self.conversation(caller, id).await?, is_new))
    }

    /// Checks that all users exist and accept contact from the caller.
    async fn check_contacts(&self, caller: &Account, users: &[UserId]) -> Result<(), ChatError> {
        let found = self.ports.inbox.contact_statuses(caller.id, users).await?;
        for user in users {
            let status = found.iter().find(|found| found.user == *user);
            let status = status.ok_or(Refusal::UnknownUser)?;
            policy::may_contact(status.is_active, status.blocks)?;
        }
        Ok(())
    }
}
