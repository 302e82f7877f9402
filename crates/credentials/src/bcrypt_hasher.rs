//! Passwords, in Django's notation.

mod django;
mod pool;

use std::num::NonZeroUsize;
use std::thread;

use application::ports::{BackendError, PasswordHasher, Verdict};
use async_trait::async_trait;
use domain::{Password, PasswordHash};

use pool::Pool;

/// Hashes with bcrypt over SHA-256 (Django's `bcrypt_sha256`), on threads of its own.
///
/// Verifies Django's `pbkdf2_sha256` too.
#[derive(Debug)]
pub struct BcryptHasher {
    cost: BcryptCost,
    pool: Pool,
}

impl BcryptHasher {
    /// Starts the threads; they end soon after the hasher is dropped.
    ///
    /// # Errors
    ///
    /// [`BcryptHasherError`] when the system gives no threads.
    pub fn start(cost: BcryptCost, limits: HashingLimits) -> Result<Self, BcryptHasherError> {
        let pool = Pool::start(limits.threads, limits.waiting).map_err(BcryptHasherError)?;
        Ok(Self { cost, pool })
    }
}

#[async_trait]
impl PasswordHasher for BcryptHasher {
    async fn hash(&self, password: Password) -> Result<PasswordHash, BackendError> {
        let cost = self.cost;
        self.pool
            .run(move || django::hash(&password, cost))
            .await
            .and_then(|hash| hash.map_err(Into::into))
            .map_err(|error| BackendError::new("hash a password", error))
    }

    async fn verify(
        &self,
        password: Password,
        hash: Option<PasswordHash>,
    ) -> Result<Verdict, BackendError> {
        let cost = self.cost;
        self.pool
            .run(move || django::verify(&password, hash.as_ref(), cost))
            .await
            .map_err(|error| BackendError::new("compare a password", error))
    }
}

/// The work of one hash: 2 to the power of this, 4 to 31.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BcryptCost(u32);

impl BcryptCost {
    /// The least work, for tests.
    pub const MIN: Self = Self(4);

    /// A cost that bcrypt knows; others are none.
    #[must_use]
    pub fn new(raw: u32) -> Option<Self> {
        (4..=31).contains(&raw).then_some(Self(raw))
    }

    /// The exponent.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// How much of the machine passwords may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashingLimits {
    /// Passwords hashed at the same time.
    pub threads: NonZeroUsize,
    /// Passwords that wait for a thread; past it callers are told to try again later.
    pub waiting: usize,
}

impl HashingLimits {
    /// All cores but one, so that signing in never starves the others, and 16
    /// waiting for each: some seconds, past which it is kinder to refuse.
    #[must_use]
    pub fn of_this_machine() -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let threads = NonZeroUsize::new(cores - 1).unwrap_or(NonZeroUsize::MIN);
        Self { threads, waiting: threads.get().saturating_mul(16) }
    }
}

/// The threads could not be started.
#[derive(Debug, thiserror::Error)]
#[error("threads for hashing passwords could not be started")]
pub struct BcryptHasherError(#[source] std::io::Error);
