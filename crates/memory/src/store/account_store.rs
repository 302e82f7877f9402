use std::collections::BTreeSet;

use application::ports::{
    AccountStore, AccountVersions, AddressDigest, BackendError, CreateAccountError,
    KnownAddressStore, MOST_KNOWN_ADDRESSES, NewAccount, SessionState, StoreError, StoredAccount,
    Taken,
};
use async_trait::async_trait;
use domain::{
    Account, AuthVersion, ConversationId, Email, MsgNo, NameRule, PasswordHash, Profile,
    ProfileUpdate, SessionId, Timestamp, UserId, Username, policy,
};

use crate::store::InMemoryChat;

#[async_trait]
impl AccountStore for InMemoryChat {
    async fn create(&self, new: NewAccount) -> Result<Account, CreateAccountError> {
        let mut state = self.state();
        let taken = state.taken(Some(&new.username), new.email.as_ref(), new.names);
        if taken.any() {
            return Err(CreateAccountError::Taken(taken));
        }
        let last = state.accounts.last_key_value().map_or(0, |(id, _)| id.get());
        let account = Account {
            id: UserId::new(last + 1),
            username: new.username,
            email: new.email,
            active: true,
            superuser: new.superuser,
            valid_from: new.valid_from,
            auth_version: AuthVersion::FIRST,
            profile: Profile::default(),
            last_seen_at: None,
        };
        let stored = StoredAccount { account: account.clone(), password: new.password };
        state.accounts.insert(account.id, stored);
        let lobby =
            state.conversations.get(&ConversationId::LOBBY).map(|stored| stored.head.msg_no);
        state.lobby_at_sign_up.insert(account.id, lobby.unwrap_or(MsgNo::ZERO));
        if let Some(session) = new.first_session {
            state.sessions.open(account.id, session);
        }
        Ok(account)
    }

    async fn taken(
        &self,
        username: Option<&Username>,
        email: Option<&Email>,
        names: NameRule,
    ) -> Result<Taken, BackendError> {
        Ok(self.state().taken(username, email, names))
    }

    async fn by_username(&self, username: &str) -> Result<Option<StoredAccount>, BackendError> {
        let state = self.state();
        let mut accounts = state.accounts.values();
        Ok(accounts.find(|stored| stored.account.username.as_str() == username).cloned())
    }

    async fn by_equal_username(
        &self,
        username: &str,
    ) -> Result<Option<StoredAccount>, BackendError> {
        let Some(key) = Username::key_of(username) else { return Ok(None) };
        let state = self.state();
        let mut equal = state.accounts.values().filter(|it| it.account.username.key() == key);
        let exact = equal.clone().find(|stored| stored.account.username.as_str() == username);
        let only = equal.next().filter(|_| equal.next().is_none());
        Ok(exact.or(only).cloned())
    }

    async fn by_id(&self, id: UserId) -> Result<Option<Account>, BackendError> {
        Ok(self.state().accounts.get(&id).map(|stored| stored.account.clone()))
    }

    async fn by_ids(&self, ids: &[UserId]) -> Result<Vec<Account>, BackendError> {
        let state = self.state();
        let asked: BTreeSet<_> = ids.iter().collect();
        let known = asked.into_iter().filter_map(|id| state.accounts.get(id));
        Ok(known.map(|stored| stored.account.clone()).collect())
    }

    async fn by_id_with_session(
        &self,
        id: UserId,
        session: Option<SessionId>,
    ) -> Result<Option<(Account, SessionState)>, BackendError> {
        let state = self.state();
        let session = session.map_or(SessionState::Unknown, |id| state.sessions.state(id));
        Ok(state.accounts.get(&id).map(|stored| (stored.account.clone(), session)))
    }

    async fn rehash(
        &self,
        id: UserId,
        expected: &PasswordHash,
        new: PasswordHash,
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        let stored = state.accounts.get_mut(&id).filter(|stored| stored.password == *expected);
        Ok(stored.map(|stored| stored.password = new).is_some())
    }

    async fn set_password(&self, id: UserId, new: PasswordHash) -> Result<(), StoreError> {
        let mut state = self.state();
        if let Some(stored) = state.accounts.get_mut(&id) {
            stored.password = new;
        }
        state.revoke_all(id, self.clock.now());
        Ok(())
    }

    async fn change_password(
        &self,
        id: UserId,
        expected: &PasswordHash,
        new: PasswordHash,
    ) -> Result<Option<Account>, StoreError> {
        let mut state = self.state();
        let stored = state.accounts.get_mut(&id).filter(|stored| stored.password == *expected);
        let Some(stored) = stored else { return Ok(None) };
        stored.password = new;
        state.revoke_all(id, self.clock.now());
        Ok(state.accounts.get(&id).map(|stored| stored.account.clone()))
    }

    async fn set_active(&self, id: UserId, active: bool) -> Result<(), StoreError> {
        let mut state = self.state();
        if let Some(stored) = state.accounts.get_mut(&id) {
            stored.account.active = active;
        }
        if active {
            state.raise_auth_version(id);
        } else {
            state.revoke_all(id, self.clock.now());
        }
        Ok(())
    }

    async fn set_profile(
        &self,
        id: UserId,
        update: ProfileUpdate,
    ) -> Result<Option<Account>, StoreError> {
        let mut state = self.state();
        let Some(StoredAccount { account, .. }) = state.accounts.get_mut(&id) else {
            return Ok(None);
        };
        let profile = account.profile.updated(&update);
        let is_another = profile != account.profile;
        account.profile = profile;
        let account = account.clone();
        if is_another {
            state.raise_inbox_version(id);
        }
        Ok(Some(account))
    }

    async fn seen(&self, moments: &[(UserId, Timestamp)]) -> Result<(), StoreError> {
        let mut state = self.state();
        for (user, at) in moments {
            let Some(StoredAccount { account, .. }) = state.accounts.get_mut(user) else {
                continue;
            };
            if policy::shows_presence(account.profile.hides_presence) {
                account.last_seen_at = account.last_seen_at.max(Some(*at));
            }
        }
        Ok(())
    }

    async fn versions(&self, ids: &[UserId]) -> Result<Vec<AccountVersions>, BackendError> {
        let state = self.state();
        let stored = ids.iter().filter_map(|id| state.accounts.get(id));
        let versions = |stored: &StoredAccount| AccountVersions {
            user: stored.account.id,
            auth: stored.account.auth_version,
            inbox: state.inbox_number(stored.account.id),
        };
        Ok(stored.map(versions).collect())
    }
}

#[async_trait]
impl KnownAddressStore for InMemoryChat {
    async fn known_until(
        &self,
        user: UserId,
        address: AddressDigest,
    ) -> Result<Option<Timestamp>, BackendError> {
        let state = self.state();
        let known = state.known_addresses.get(&address).filter(|(owner, _)| *owner == user);
        Ok(known.map(|(_, until)| *until))
    }

    async fn know(
        &self,
        user: UserId,
        address: AddressDigest,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        let state = &mut *self.state();
        if !state.accounts.contains_key(&user) {
            return Ok(());
        }
        let known = &mut state.known_addresses;
        known.insert(address, (user, until));
        known.retain(|_, (_, until)| *until > now);
        let own = known.iter().filter(|(_, (owner, _))| *owner == user);
        let mut own: Vec<_> = own.map(|(address, (_, until))| (*until, *address)).collect();
        own.sort_unstable();
        for (_, surplus) in own.iter().rev().skip(MOST_KNOWN_ADDRESSES) {
            known.remove(surplus);
        }
        Ok(())
    }
}
