//! A hasher that takes no time.

use std::sync::atomic::{AtomicU64, Ordering};

use application::ports::{BackendError, PasswordHasher, Verdict};
use async_trait::async_trait;
use domain::{Password, PasswordHash};

/// Keeps passwords in clear: `instant$<salt>$<password>`.
#[derive(Debug, Default)]
pub struct InstantHasher {
    hashed: AtomicU64,
}

impl InstantHasher {
    /// A hash as an older setting would have made it: matches as outdated.
    #[must_use]
    pub fn outdated(password: &str) -> PasswordHash {
        PasswordHash::new(format!("outdated$0${password}"))
    }

    /// How many hashes it made.
    #[must_use]
    pub fn hashed(&self) -> u64 {
        self.hashed.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl PasswordHasher for InstantHasher {
    async fn hash(&self, password: Password) -> Result<PasswordHash, BackendError> {
        let salt = self.hashed.fetch_add(1, Ordering::SeqCst) + 1;
        Ok(PasswordHash::new(format!("instant${salt}${}", password.expose())))
    }

    async fn verify(
        &self,
        password: Password,
        hash: Option<PasswordHash>,
    ) -> Result<Verdict, BackendError> {
        let Some(hash) = hash else { return Ok(Verdict::Mismatch) };
        let mut parts = hash.as_str().splitn(3, '$');
        Ok(match (parts.next(), parts.next(), parts.next()) {
            (Some("instant"), _, Some(kept)) if kept == password.expose() => Verdict::Match,
            (Some("outdated"), _, Some(kept)) if kept == password.expose() => {
                Verdict::MatchOutdated
            }
            _ => Verdict::Mismatch,
        })
    }
}
