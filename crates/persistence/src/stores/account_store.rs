//! [`AccountStore`] over the queries.

use application::ports::{
    AccountStore, AccountVersions, BackendError, CreateAccountError, NewAccount, SessionState,
    StoreError, StoredAccount, Taken,
};
use async_trait::async_trait;
use domain::{Account, Email, PasswordHash, SessionId, UserId, Username};

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
                    // Under the lock: whatever is issued before it is ours falls under this.
                    dialect::lock_account(conn, id).await?;
                    let valid_from = dialect::now(conn, &*clock).await?.next_second();
                    accounts::set_password(conn, id, &new, valid_from).await?;
                    Ok(sessions::revoke_all(conn, id).await?)
                })
            })
            .await
            .map_err(|failure| failure.into_store_error("set a password"))
    }

    async fn set_active(&self, id: UserId, active: bool) -> Result<(), StoreError> {
        self.db
            .write(move |conn| {
                Box::pin(async move { Ok(accounts::set_active(conn, id, active).await?) })
            })
            .await
            .map_err(|failure| failure.into_store_error("disable or enable an account"))
    }

    async fn versions(&self, ids: &[UserId]) -> Result<Vec<AccountVersions>, BackendError> {
        let ids = ids.to_vec();
        self.db
            .look(move |conn| Box::pin(async move { Ok(accounts::versions(conn, &ids).await?) }))
            .await
            .map_err(|failure| failure.into_backend_error("read account versions"))
    }
}
