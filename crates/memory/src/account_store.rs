//! Accounts.

use application::ports::{
    AccountStore, AccountVersions, BackendError, CreateAccountError, NewAccount, SessionState,
    StoreError, StoredAccount, Taken,
};
use async_trait::async_trait;
use domain::{Account, AuthVersion, Email, PasswordHash, SessionId, Timestamp, UserId, Username};

use crate::InMemoryChat;

#[async_trait]
impl AccountStore for InMemoryChat {
    async fn create(&self, new: NewAccount) -> Result<Account, CreateAccountError> {
        let mut state = self.state();
        let taken = state.taken(Some(&new.username), new.email.as_ref());
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
            valid_from: Timestamp::from_seconds(0),
            auth_version: AuthVersion::FIRST,
        };
        let stored = StoredAccount { account: account.clone(), password: new.password };
        state.accounts.insert(account.id, stored);
        if let Some(session) = new.first_session {
            state.sessions.open(account.id, session);
        }
        Ok(account)
    }

    async fn taken(
        &self,
        username: Option<&Username>,
        email: Option<&Email>,
    ) -> Result<Taken, BackendError> {
        Ok(self.state().taken(username, email))
    }

    async fn by_username(&self, username: &str) -> Result<Option<StoredAccount>, BackendError> {
        let state = self.state();
        let mut accounts = state.accounts.values();
        Ok(accounts.find(|stored| stored.account.username.as_str() == username).cloned())
    }

    async fn by_id(&self, id: UserId) -> Result<Option<Account>, BackendError> {
        Ok(self.state().accounts.get(&id).map(|stored| stored.account.clone()))
    }

    async fn standing(
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
        let valid_from = self.clock.now().next_second();
        if let Some(stored) = state.accounts.get_mut(&id) {
            stored.password = new;
            stored.account.valid_from = stored.account.valid_from.max(valid_from);
        }
        state.sessions.revoke_all(id);
        state.raise_auth_version(id);
        Ok(())
    }

    async fn set_active(&self, id: UserId, active: bool) -> Result<(), StoreError> {
        let mut state = self.state();
        if let Some(stored) = state.accounts.get_mut(&id) {
            stored.account.active = active;
        }
        state.raise_auth_version(id);
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
