use async_trait::async_trait;
use domain::{
    Account, AuthVersion, Email, NameRule, PasswordHash, ProfileUpdate, SessionId, Timestamp,
    UserId, Username,
};

use super::{BackendError, InboxVersion, NewSession, SessionState, StoreError};

/// Every adapter passes `testkit::account_store_contract!`.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Registers an account, and opens its first session if one is given. Atomic: if two
    /// registrations race for a name or an address, only one succeeds, and an account never
    /// exists without its first session. Changes no conversation. Names and addresses are unique by
    /// [`NewAccount::names`]; accounts that an earlier rule allowed stay.
    async fn create(&self, new: NewAccount) -> Result<Account, CreateAccountError>;

    /// Returns which of these are in use. The answer may be outdated; [`Self::create`] decides.
    async fn taken(
        &self,
        username: Option<&Username>,
        email: Option<&Email>,
        names: NameRule,
    ) -> Result<Taken, BackendError>;

    /// Returns the account with exactly this name.
    async fn by_username(&self, username: &str) -> Result<Option<StoredAccount>, BackendError>;

    /// Returns the account with exactly this name, or else the only one whose name is equal
    /// ([`domain::text::fold`]).
    async fn by_equal_username(
        &self,
        username: &str,
    ) -> Result<Option<StoredAccount>, BackendError>;

    async fn by_id(&self, id: UserId) -> Result<Option<Account>, BackendError>;

    /// Returns the existing ones of these accounts, in any order.
    async fn by_ids(&self, ids: &[UserId]) -> Result<Vec<Account>, BackendError>;

    /// Returns the account and the state of the session in one read, because every request needs
    /// both.
    async fn by_id_with_session(
        &self,
        id: UserId,
        session: Option<SessionId>,
    ) -> Result<Option<(Account, SessionState)>, BackendError>;

    /// Replaces the hash if it still equals `expected`, and returns whether it did. Revokes no
    /// session, because the password stays the same.
    async fn rehash(
        &self,
        id: UserId,
        expected: &PasswordHash,
        new: PasswordHash,
    ) -> Result<bool, StoreError>;

    /// Sets a new password. In the same transaction, revokes every session of the account, moves
    /// `valid_from` to the second after the store's clock under the lock (never backwards), and
    /// makes live connections authenticate again.
    async fn set_password(&self, id: UserId, new: PasswordHash) -> Result<(), StoreError>;

    /// Like [`Self::set_password`], if the hash still equals `expected`. Returns the updated
    /// account, or `None` if the hash differs. Atomic: of several calls with the same `expected`,
    /// one succeeds.
    async fn change_password(
        &self,
        id: UserId,
        expected: &PasswordHash,
        new: PasswordHash,
    ) -> Result<Option<Account>, StoreError>;

    /// Disables or enables an account. Live connections must authenticate again. Disabling revokes
    /// every session and token like [`Self::set_password`], so that enabling revives none.
    async fn set_active(&self, id: UserId, active: bool) -> Result<(), StoreError>;

    /// Changes a profile, and increments the inbox version if the profile differs. Returns the
    /// updated account, or `None` if there is none.
    async fn set_profile(
        &self,
        id: UserId,
        update: ProfileUpdate,
    ) -> Result<Option<Account>, StoreError>;

    /// Stores when each account was last seen; never moves the time backwards. `moments` contains
    /// each account once. Skips unknown accounts and those that hide their presence.
    async fn seen(&self, moments: &[(UserId, Timestamp)]) -> Result<(), StoreError>;

    /// Returns the versions of the existing accounts, in any order.
    async fn versions(&self, ids: &[UserId]) -> Result<Vec<AccountVersions>, BackendError>;
}

/// Versions by which live connections notice changes of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountVersions {
    pub user: UserId,
    pub auth: AuthVersion,
    pub inbox: InboxVersion,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccount {
    pub username: Username,
    pub email: Option<Email>,
    pub password: PasswordHash,
    pub superuser: bool,
    /// Tokens that were issued earlier are refused. It is the creation, because a replaced server
    /// with the same key may have issued them to another user of this id. An imported account keeps
    /// its tokens from there.
    pub valid_from: Timestamp,
    pub names: NameRule,
    pub first_session: Option<NewSession>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAccount {
    pub account: Account,
    pub password: PasswordHash,
}

/// Which parts of a registration are already in use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    pub username: bool,
    pub email: bool,
}

impl Taken {
    #[must_use]
    pub fn any(self) -> bool {
        self.username || self.email
    }
}

#[derive(Debug, thiserror::Error)]
pub enum CreateAccountError {
    /// The name, the address, or both are in use.
    #[error("username or e-mail address already in use")]
    Taken(Taken),
    #[error(transparent)]
    Store(#[from] StoreError),
}
