//! Where accounts are kept.

use async_trait::async_trait;
use domain::{
    Account, AuthVersion, Email, PasswordHash, ProfileUpdate, SessionId, Timestamp, UserId,
    Username,
};

use super::{BackendError, InboxVersion, NewSession, SessionState, StoreError};

/// Where accounts are kept.
///
/// Every adapter passes `testkit::account_store_contract!`.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Registers an account, and opens its first session if it is to have
    /// one. Atomic: of two that race for a name or an address, one is
    /// registered; there is no account without the session that came with it.
    /// Touches no conversation.
    ///
    /// # Errors
    ///
    /// [`CreateAccountError::Taken`] when the name, the address or both are in use.
    async fn create(&self, new: NewAccount) -> Result<Account, CreateAccountError>;

    /// Which of these are in use, as of a moment ago; [`Self::create`] decides.
    async fn taken(
        &self,
        username: Option<&Username>,
        email: Option<&Email>,
    ) -> Result<Taken, BackendError>;

    /// The account of this name, with its password.
    async fn by_username(&self, username: &str) -> Result<Option<StoredAccount>, BackendError>;

    /// The account of this id.
    async fn by_id(&self, id: UserId) -> Result<Option<Account>, BackendError>;

    /// Those of these accounts that exist, in any order.
    async fn by_ids(&self, ids: &[UserId]) -> Result<Vec<Account>, BackendError>;

    /// The account, and how the store knows the session; in one read, as
    /// every request asks for both.
    async fn standing(
        &self,
        id: UserId,
        session: Option<SessionId>,
    ) -> Result<Option<(Account, SessionState)>, BackendError>;

    /// Replaces the password if it still is `expected`; says whether it did.
    /// Changes nothing else: a rewritten hash is no new password.
    async fn rehash(
        &self,
        id: UserId,
        expected: &PasswordHash,
        new: PasswordHash,
    ) -> Result<bool, StoreError>;

    /// Sets a new password. Atomic with it, every session of the account is
    /// revoked, `valid_from` becomes the second after the store's clock under
    /// the lock (never an earlier one than it was), and live connections have
    /// to prove themselves again.
    async fn set_password(&self, id: UserId, new: PasswordHash) -> Result<(), StoreError>;

    /// [`Self::set_password`] if it still is `expected`, and the account as it is
    /// then; `None` if it is not. Atomic: of several that expect the same, one does it.
    async fn change_password(
        &self,
        id: UserId,
        expected: &PasswordHash,
        new: PasswordHash,
    ) -> Result<Option<Account>, StoreError>;

    /// Disables or enables; live connections have to prove themselves again.
    async fn set_active(&self, id: UserId, active: bool) -> Result<(), StoreError>;

    /// Alters what an account shows of itself, and raises its inbox number if that
    /// is another then. The account as it is then; `None` if it does not exist.
    async fn set_profile(
        &self,
        id: UserId,
        update: ProfileUpdate,
    ) -> Result<Option<Account>, StoreError>;

    /// Notes when accounts, each once, were last there; never an earlier moment than
    /// it was. Unknown ones, and those that hide their presence, are left out.
    async fn seen(&self, moments: &[(UserId, Timestamp)]) -> Result<(), StoreError>;

    /// The versions of those accounts that exist, in any order.
    async fn versions(&self, ids: &[UserId]) -> Result<Vec<AccountVersions>, BackendError>;
}

/// What of an account live connections have to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountVersions {
    /// Whose.
    pub user: UserId,
    /// Of its rights.
    pub auth: AuthVersion,
    /// Of what it alone is shown.
    pub inbox: InboxVersion,
}

/// An account to be registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccount {
    /// Unique.
    pub username: Username,
    /// Unique.
    pub email: Option<Email>,
    /// As a hasher made it.
    pub password: PasswordHash,
    /// May moderate.
    pub superuser: bool,
    /// Signed in from the start.
    pub first_session: Option<NewSession>,
}

/// An account as sign-in needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAccount {
    /// The account.
    pub account: Account,
    /// Its password.
    pub password: PasswordHash,
}

/// What of a registration somebody else has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    /// The name is in use.
    pub username: bool,
    /// The address is in use.
    pub email: bool,
}

impl Taken {
    /// Whether there is anything.
    #[must_use]
    pub fn any(self) -> bool {
        self.username || self.email
    }
}

/// Why nobody was registered.
#[derive(Debug, thiserror::Error)]
pub enum CreateAccountError {
    /// Somebody else has the name, the address, or both.
    #[error("username or e-mail address already in use")]
    Taken(Taken),
    /// The store itself failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
