//! Hashing and comparing passwords.

use async_trait::async_trait;
use domain::{Password, PasswordHash};

use super::BackendError;

/// Hashes and compares passwords, off the async threads and a few at a time.
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// A new hash, with a new salt.
    async fn hash(&self, password: Password) -> Result<PasswordHash, BackendError>;

    /// Compares in constant time. `None` stands for an unknown user. Every
    /// comparison that fails takes at least about the time that one with a new
    /// hash takes.
    async fn verify(
        &self,
        password: Password,
        hash: Option<PasswordHash>,
    ) -> Result<Verdict, BackendError>;
}

/// What a comparison said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the password.
    Match,
    /// It is, but the hash is of another kind or cost than new ones.
    MatchOutdated,
    /// It is not.
    Mismatch,
}
