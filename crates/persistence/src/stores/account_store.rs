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
            .db
            .write(move |conn| {
                Box::pin(async move {
                    let now = dialect::now(conn, &*clock).await?;
                    let created = accounts::create(conn, &new, now).await?;
                    if let (Ok(account), Some(session)) = (&created, new.first_session) {
                        sessions::keep(conn, account.id, session).await?;
                    }
                    Ok(created)
                })
            })
            .await
            .map_err(|failure| failure.into_store_error("register an account"))?;
        created.map_err(CreateAccountError::Taken)
    }

    async fn taken(
        &self,
        username: Option<&Username>,
        email: Option<&Email>,
    ) -> Result<Taken, BackendError> {
        let (username, email) = (username.cloned(), email.cloned());
        self.db
            .look(move |conn| {
                Box::pin(
                    async move { accounts::taken(conn, username.as_ref(), email.as_ref()).await },
                )
            })
            .await
            .map_err(|failure| failure.into_backend_error("look up a name and an address"))
    }

    async fn by_username(&self, username: &str) -> Result<Option<StoredAccount>, BackendError> {
        let username = username.to_owned();
        self.db
            .look(move |conn| Box::pin(async move { accounts::by_username(conn, &username).await }))
            .await
            .map_err(|failure| failure.into_backend_error("read an account by name"))
    }

    async fn by_id(&self, id: UserId) -> Result<Option<Account>, BackendError> {
        self.db
            .look(move |conn| Box::pin(async move { accounts::by_id(conn, id).await }))
            .await
            .map_err(|failure| failure.into_backend_error("read an account"))
    }

    async fn by_ids(&self, ids: &[UserId]) -> Result<Vec<Account>, BackendError> {
        let ids = ids.to_vec();
        self.db
            .look(move |conn| Box::pin(async move { accounts::by_ids(conn, &ids).await }))
            .await
            .map_err(|failure| failure.into_backend_error("read accounts"))
    }

    async fn standing(
        &self,
        id: UserId,
        session: Option<SessionId>,
    ) -> Result<Option<(Account, SessionState)>, BackendError> {
        self.db
            .look(move |conn| {
                Box::pin(async move {
                    let Some(session) = session else {
                        let account = accounts::by_id(conn, id).await?;
                        return Ok(account.map(|account| (account, SessionState::Unknown)));
                    };
                    accounts::standing(conn, id, session).await
                })
            })
            .await
            .map_err(|failure| failure.into_backend_error("read an account's standing"))
    }

    async fn rehash(
        &self,
        id: UserId,
        expected: &PasswordHash,
        new: PasswordHash,
    ) -> Result<bool, StoreError> {
        let expected = expected.clone();
        self.db
            .write(move |conn| {
                Box::pin(async move { Ok(accounts::rehash(conn, id, &expected, &new).await?) })
            })
            .await
            .map_err(|failure| failure.into_store_error("rewrite a password hash"))
    }

    async fn set_password(&self, id: UserId, new: PasswordHash) -> Result<(), StoreError> {
        let clock = self.db.clock();
        self.db
            .write(move |conn| {
                Box::pin(async move {
                    dialect::lock_account(conn, id).await?;
                    accounts::set_password(conn, id, &new).await?;
                    sessions::revoke_all(conn, id, &*clock).await
                })
            })
            .await
            .map_err(|failure| failure.into_store_error("set a password"))
    }

    async fn change_password(
        &self,
        id: UserId,
        expected: &PasswordHash,
        new: PasswordHash,
    ) -> Result<Option<Account>, StoreError> {
        let (clock, expected) = (self.db.clock(), expected.clone());
        self.db
            .write(move |conn| {
                Box::pin(async move {
                    dialect::lock_account(conn, id).await?;
                    if !accounts::rehash(conn, id, &expected, &new).await? {
                        return Ok(None);
                    }
                    sessions::revoke_all(conn, id, &*clock).await?;
                    accounts::by_id(conn, id).await
                })
            })
            .await
            .map_err(|failure| failure.into_store_error("change a password"))
    }

    async fn set_active(&self, id: UserId, active: bool) -> Result<(), StoreError> {
        self.db
            .write(move |conn| {
                Box::pin(async move { Ok(accounts::set_active(conn, id, active).await?) })
            })
            .await
            .map_err(|failure| failure.into_store_error("disable or enable an account"))
    }

    async fn set_profile(
        &self,
        id: UserId,
        update: ProfileUpdate,
    ) -> Result<Option<Account>, StoreError> {
        self.db
            .write(move |conn| {
                Box::pin(async move {
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
            })
            .await
            .map_err(|failure| failure.into_store_error("alter a profile"))
    }

    async fn seen(&self, moments: &[(UserId, Timestamp)]) -> Result<(), StoreError> {
        let moments: Vec<(i64, i64)> =
            moments.iter().map(|(user, at)| (user.get(), at.micros())).collect();
        self.db
            .write(move |conn| {
                Box::pin(async move {
                    for chunk in moments.chunks(dialect::CHUNK) {
                        dialect::raise_last_seen(conn, chunk).await?;
                    }
                    Ok(())
                })
            })
            .await
            .map_err(|failure| failure.into_store_error("note when people were last seen"))
    }

    async fn versions(&self, ids: &[UserId]) -> Result<Vec<AccountVersions>, BackendError> {
        let ids = ids.to_vec();
        self.db
            .look(move |conn| Box::pin(async move { Ok(accounts::versions(conn, &ids).await?) }))
            .await
            .map_err(|failure| failure.into_backend_error("read account versions"))
    }
}
