//! From where accounts were signed in to.

use std::sync::Arc;
use std::time::Duration;

use domain::{Timestamp, UserId};
use sha2::{Digest as _, Sha256};

use super::ClientAddress;
use crate::ports::{AddressDigest, BackendError, Clock, KnownAddressStore};

/// Tells addresses from which an account was signed in to from all others.
pub struct KnownAddresses {
    store: Arc<dyn KnownAddressStore>,
    clock: Arc<dyn Clock>,
    key: [u8; 32],
}

impl KnownAddresses {
    /// As the store has it. Whoever reads the store and lacks `secret`, which all
    /// nodes share, cannot find the addresses by trying all there are.
    #[must_use]
    pub fn new(store: Arc<dyn KnownAddressStore>, clock: Arc<dyn Clock>, secret: &[u8]) -> Self {
        let key = Sha256::new().chain_update(b"known addresses\0").chain_update(secret).finalize();
        Self { store, clock, key: key.into() }
    }

    /// Until when this account knows the address, if it still does.
    pub(super) async fn until(
        &self,
        user: UserId,
        address: ClientAddress,
    ) -> Result<Option<Timestamp>, BackendError> {
        let until = self.store.known_until(user, self.digest(user, address)).await?;
        Ok(until.filter(|until| *until > self.clock.now()))
    }

    /// Somebody was signed in to this account at the address, which it knew until
    /// `known`. Written down anew when half of `span` is over, and not each time.
    pub(super) async fn seen(
        &self,
        user: UserId,
        address: ClientAddress,
        known: Option<Timestamp>,
        span: Duration,
    ) {
        let now = self.clock.now();
        if known.is_some_and(|until| until > now.after(span / 2)) {
            return;
        }
        let digest = self.digest(user, address);
        if let Err(error) = self.store.know(user, digest, now, now.after(span)).await {
            // It matters only while somebody attacks the account.
            let error = &error as &(dyn std::error::Error + 'static);
            tracing::warn!(user.id = user.get(), error, "an address was not kept as known");
        }
    }

    fn digest(&self, user: UserId, address: ClientAddress) -> AddressDigest {
        let digest = Sha256::new()
            .chain_update(self.key)
            .chain_update(user.get().to_be_bytes())
            .chain_update(address.number().to_be_bytes())
            .finalize();
        AddressDigest(digest.first_chunk().map_or(0, |half| u128::from_be_bytes(*half)))
    }
}
