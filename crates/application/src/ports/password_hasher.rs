use async_trait::async_trait;
use domain::{Password, PasswordHash};

use super::BackendError;

/// Hashes and verifies passwords outside the async threads, a few at a time.
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// How many calls may run and wait at the same time. More are errors.
    fn places(&self) -> usize {
        usize::MAX
    }

    /// Hashes with a new salt.
    async fn hash(&self, password: Password) -> Result<PasswordHash, BackendError>;

    /// Compares in constant time. `None` stands for an account that is unknown or disabled. Failed
    /// comparisons do the same work, whatever the hash, and at least that of verifying a new one.
    async fn verify(
        &self,
        password: Password,
        hash: Option<PasswordHash>,
    ) -> Result<Verdict, BackendError>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Match,
    /// The password matches, but the hash has an outdated kind or cost.
    MatchOutdated,
    Mismatch,
}
