//! [`AccountStore`] over the queries.

use application::ports::{
    AccountStore, AccountVersions, BackendError, CreateAccountError, NewAccount, SessionState,
    StoreError, StoredAccount, Taken,
};
use async_trait::async_trait;
use domain::{Account, Email, PasswordHash, ProfileUpdate, SessionId, Timestamp, UserId, Username};

use super::{Store, accounts, dialect, sessions};

#[async_trait]
impl AccountStore for Store {
    async fn create(&self, new: NewAccount) -> Result<Account, CreateAccountError> {
        let clock = self.db.clock();
        let created = self
            .write("register an account", async move |conn| {
                let now = dialect::now(conn, &*clock).await?;
                let created = accounts::create(conn, &new, now).await?;
                if let (Ok(account), Some(session)) = (&created, new.first_session) {
                    sessions::keep(conn, account.id, session).await?;
                }
                Ok(created)
            })
            .await?;
        created.map_err(CreateAccountError::Taken)
    }

    async fn taken(
        &self,
        username: Option<&Username>,
        email: Option<&Email>,
    ) -> Result<Taken, BackendError> {
        let (username, email) = (username.cloned(), email.cloned());
        self.read("look up a name and an address", async move |conn| {
            accounts::taken(conn, username.as_ref(), email.as_ref()).await
        })
        .await
    }

    async fn by_username(&self, username: &str) -> Result<Option<StoredAccount>, BackendError> {
        let username = username.to_owned();
        self.read("read an account by name", async move |conn| {
            accounts::by_username(conn, &username).await
        })
        .await
    }

    async fn by_id(&self, id: UserId) -> Result<Option<Account>, BackendError> {
        self.read("read an account", async move |conn| accounts::by_id(conn, id).await).await
    }

    async fn by_ids(&self, ids: &[UserId]) -> Result<Vec<Account>, BackendError> {
        let ids = ids.to_vec();
        self.read("read accounts", async move |conn| accounts::by_ids(conn, &ids).await).await
    }

    async fn standing(
        &self,
        id: UserId,
        session: Option<SessionId>,
    ) -> Result<Option<(Account, SessionState)>, BackendError> {
        self.read("read an account's standing", async move |conn| {
            let Some(session) = session else {
                let account = accounts::by_id(conn, id).await?;
                return Ok(account.map(|account| (account, SessionState::Unknown)));
            };
            accounts::standing(conn, id, session).await
        })
        .await
    }

    async fn rehash(
        &self,
        id: UserId,
        expected: &PasswordHash,
        new: PasswordHash,
    ) -> Result<bool, StoreError> {
        let expected = expected.clone();
        self.write("rewrite a password hash", async move |conn| {
            Ok(accounts::rehash(conn, id, &expected, &new).await?)
        })
        .await
    }

    async fn set_password(&self, id: UserId, new: PasswordHash) -> Result<(), StoreError> {
        let clock = self.db.clock();
        self.write("set a password", async move |conn| {
            dialect::lock_account(conn, id).await?;
            accounts::set_password(conn, id, &new).await?;
            sessions::revoke_all(conn, id, &*clock).await
        })
        .await
    }

    async fn change_password(
        &self,
        id: UserId,
        expected: &PasswordHash,
        new: PasswordHash,
    ) -> Result<Option<Account>, StoreError> {
        let (clock, expected) = (self.db.clock(), expected.clone());
        self.write("change a password", async move |conn| {
            dialect::lock_account(conn, id).await?;
            if !accounts::rehash(conn, id, &expected, &new).await? {
                return Ok(None);
            }
            sessions::revoke_all(conn, id, &*clock).await?;
            accounts::by_id(conn, id).await
        })
        .await
    }

    async fn set_active(&self, id: UserId, active: bool) -> Result<(), StoreError> {
        self.write("disable or enable an account", async move |conn| {
            Ok(accounts::set_active(conn, id, active).await?)
        })
        .await
    }

    async fn set_profile(
        &self,
        id: UserId,
        update: ProfileUpdate,
    ) -> Result<Option<Account>, StoreError> {
        self.write("alter a profile", async move |conn| {
            let Some(row) = dialect::lock_account(conn, id).await? else {
                return Ok(None);
            };
            let account = Account::try_from(row)?;
            let profile = account.profile.updated(&update);
            if profile != account.profile {
                accounts::set_profile(conn, id, &profile).await?;
            }
            Ok(Some(Account { profile, ..account }))
        })
        .await
    }

    async fn seen(&self, moments: &[(UserId, Timestamp)]) -> Result<(), StoreError> {
        let moments: Vec<(i64, i64)> =
            moments.iter().map(|(user, at)| (user.get(), at.micros())).collect();
        self.write("note when people were last seen", async move |conn| {
            for chunk in moments.chunks(dialect::CHUNK) {
                dialect::raise_last_seen(conn, chunk).await?;
            }
            Ok(())
        })
        .await
    }

    async fn versions(&self, ids: &[UserId]) -> Result<Vec<AccountVersions>, BackendError> {
        let ids = ids.to_vec();
        self.read("read account versions", async move |conn| {
            Ok(accounts::versions(conn, &ids).await?)
        })
        .await
    }
}
