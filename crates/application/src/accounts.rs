//! Signing up, signing in, sessions and profiles.

mod authenticate;
mod hashing_queue;
mod manage_accounts;
mod profiles;
mod register;
mod sessions;
mod sign_in;

use std::sync::Arc;
use std::time::Duration;

use domain::{NameRule, ReplayRule};

use self::hashing_queue::HashingQueue;
use crate::ports::{
    AccountStore, BackendError, Clock, IdSource, InboxStore, PasswordHasher, SessionStore,
    StoredAccount, TokenSigner,
};
use crate::{Hub, Limits, Presence, SecurityLog};

pub use authenticate::{AuthenticateError, Caller, VerifyError};
pub use hashing_queue::HasherBusy;
pub use manage_accounts::{ManageAccounts, ManageAccountsError};
pub use profiles::{EditProfileError, VisibleUser};
pub use register::{RegisterCommand, RegisterError};
pub use sessions::{RefreshError, TokenPair};
pub use sign_in::{ChangePasswordError, SignInCommand, SignInError};

/// The use cases of accounts. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    ports: AccountPorts,
    rules: SessionRules,
    names: NameRule,
    limits: Limits,
    hub: Hub,
    presence: Presence,
    hashing: HashingQueue,
    log: SecurityLog,
}

/// The ports of [`Accounts`]. Cheap to clone.
#[derive(Clone)]
pub struct AccountPorts {
    pub accounts: Arc<dyn AccountStore>,
    pub inbox: Arc<dyn InboxStore>,
    pub sessions: Arc<dyn SessionStore>,
    pub signer: Arc<dyn TokenSigner>,
    pub hasher: Arc<dyn PasswordHasher>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdSource>,
}

/// The lifetimes of tokens, in whole seconds, and the rule for spent refresh tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionRules {
    pub access_ttl: Duration,
    /// Also how long a session lives that is not used.
    pub refresh_ttl: Duration,
    /// How long a session lives, however often it is used.
    pub session_ttl: Duration,
    pub replay: ReplayRule,
}

impl Accounts {
    /// The hub receives ended rights and changed profiles; presence knows which users are online.
    #[must_use]
    pub fn new(
        ports: AccountPorts,
        rules: SessionRules,
        names: NameRule,
        limits: Limits,
        hub: Hub,
        presence: Presence,
        log: SecurityLog,
    ) -> Self {
        let places = if limits.are_on() { ports.hasher.places() } else { usize::MAX };
        let hashing = HashingQueue::new(places);
        Self { ports, rules, names, limits, hub, presence, hashing, log }
    }

    /// How names and addresses of accounts are compared.
    #[must_use]
    pub fn names(&self) -> NameRule {
        self.names
    }
}

/// Returns the account that a user means by this name.
async fn by_name(
    accounts: &dyn AccountStore,
    name: &str,
    names: NameRule,
) -> Result<Option<StoredAccount>, BackendError> {
    match names {
        NameRule::Exact => accounts.by_username(name).await,
        NameRule::Folded => accounts.by_equal_username(name).await,
    }
}
