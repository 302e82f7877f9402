//! Password hashes in Django's format.

mod django;
mod thread_pool;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;

use application::ports::{BackendError, PasswordHasher, Verdict};
use async_trait::async_trait;
use domain::{Password, PasswordHash};

use django::Verifier;
use thread_pool::ThreadPool;

/// Hashes with bcrypt over SHA-256 (Django's `bcrypt_sha256`), on threads of
/// its own. It also verifies Django's `pbkdf2_sha256`.
#[derive(Debug)]
pub struct BcryptHasher {
    cost: BcryptCost,
    verifier: Arc<Verifier>,
    pool: ThreadPool,
    places: usize,
}

impl BcryptHasher {
    /// Starts the threads. They end soon after the hasher is dropped.
    pub fn start(cost: BcryptCost, limits: HashingLimits) -> Result<Self, BcryptHasherError> {
        let pool = ThreadPool::start(limits.threads, limits.waiting).map_err(BcryptHasherError)?;
        let places = limits.threads.get().saturating_add(limits.waiting);
        Ok(Self { cost, verifier: Arc::new(Verifier::new(cost)), pool, places })
    }
}

#[async_trait]
impl PasswordHasher for BcryptHasher {
    fn places(&self) -> usize {
        self.places
    }

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
        let verifier = Arc::clone(&self.verifier);
        self.pool
            .run(move || verifier.verify(&password, hash.as_ref()))
            .await
            .map_err(|error| BackendError::new("verify a password", error))
    }
}

/// The binary logarithm of the work of one hash, 4 to 31.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BcryptCost(u32);

impl BcryptCost {
    /// For tests.
    pub const MIN: Self = Self(4);

    /// None if bcrypt does not support this cost.
    #[must_use]
    pub fn new(raw: u32) -> Option<Self> {
        (4..=31).contains(&raw).then_some(Self(raw))
    }

    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// How much of the machine password hashing may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashingLimits {
    pub threads: NonZeroUsize,
    /// Passwords that may wait for a thread. More are refused.
    pub waiting: usize,
}

impl HashingLimits {
    /// All cores but one, so that sign-ins never starve other requests. 16 wait
    /// for each: that takes some seconds, after which a refusal is better.
    #[must_use]
    pub fn of_this_machine() -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let threads = NonZeroUsize::new(cores - 1).unwrap_or(NonZeroUsize::MIN);
        Self { threads, waiting: threads.get().saturating_mul(16) }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("could not start the threads that hash passwords")]
pub struct BcryptHasherError(#[source] std::io::Error);
