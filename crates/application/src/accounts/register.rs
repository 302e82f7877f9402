//! Signing up.

use domain::{Email, Password, Username};

use super::{Accounts, HasherBusy, TokenPair};
use crate::ClientAddress;
use crate::ports::{Audience, BackendError, CreateAccountError, NewAccount, RetryAfter, Taken};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterCommand {
    pub username: Username,
    pub email: Email,
    pub password: Password,
    pub address: ClientAddress,
    /// For which API the tokens are.
    pub audience: Audience,
}

impl Accounts {
    /// Which of these are in use, so that a form can show it with its other errors. To ask about an
    /// e-mail address costs a registration, because it tells who has an account.
    pub async fn taken(
        &self,
        address: ClientAddress,
        username: Option<&Username>,
        email: Option<&Email>,
    ) -> Result<Taken, RegisterError> {
        if username.is_none() && email.is_none() {
            return Ok(Taken::default());
        }
        self.limits.credentials(address).await?;
        if email.is_some() {
            self.limits.registration(address).await?;
        }
        Ok(self.ports.accounts.taken(username, email, self.names).await?)
    }

    /// Registers an account, and returns the first token pair of its first session. After
    /// [`RegisterError::Backend`] the account may exist, with a session that nobody uses.
    pub async fn register(&self, command: RegisterCommand) -> Result<TokenPair, RegisterError> {
        let RegisterCommand { username, email, password, address, audience } = command;
        let _place = self.hashing.enter(address, false)?;
        self.limits.registration(address).await?;
        // So that no password is hashed in vain.
        let taken = self.ports.accounts.taken(Some(&username), Some(&email), self.names).await?;
        if taken != Taken::default() {
            return Err(RegisterError::Taken(taken));
        }
        let password = self.ports.hasher.hash(password).await?;
        let now = self.ports.clock.now();
        let session = self.new_session(now, now);
        let first_session = Some(session.clone());
        let email = Some(email);
        let new = NewAccount {
            username,
            email,
            password,
            superuser: false,
            valid_from: now,
            names: self.names,
            first_session,
        };
        let account = self.ports.accounts.create(new).await?;
        self.limits.registered(address, account.id).await;
        self.log.registered(account.id, address);
        Ok(self.sign(&account, session.session, &session.first, (now, audience))?)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    #[error("username or e-mail address already in use")]
    Taken(Taken),
    #[error(transparent)]
    Limited(#[from] RetryAfter),
    #[error(transparent)]
    Busy(#[from] HasherBusy),
    #[error(transparent)]
    Backend(#[from] BackendError),
}

impl From<CreateAccountError> for RegisterError {
    fn from(error: CreateAccountError) -> Self {
        match error {
            CreateAccountError::Taken(taken) => Self::Taken(taken),
            CreateAccountError::Store(error) => Self::Backend(error.into()),
        }
    }
}
