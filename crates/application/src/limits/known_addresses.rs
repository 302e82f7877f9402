//! The addresses from which accounts signed in.

use std::sync::Arc;
use std::time::Duration;

use domain::{Timestamp, UserId};
use sha2::{Digest as _, Sha256};

use super::ClientAddress;
use crate::ports::{AddressDigest, BackendError, Clock, KnownAddressStore, with_causes};

pub struct KnownAddresses {
    store: Arc<dyn KnownAddressStore>,
    clock: Arc<dyn Clock>,
    key: [u8; 32],
}

impl KnownAddresses {
    /// The store contains only keyed digests: without `secret`, which all nodes share, addresses
    /// cannot be recovered by trying them all.
    #[must_use]
    pub fn new(store: Arc<dyn KnownAddressStore>, clock: Arc<dyn Clock>, secret: &[u8]) -> Self {
        let key = Sha256::new().chain_update(b"known addresses\0").chain_update(secret).finalize();
        Self { store, clock, key: key.into() }
    }

    /// Returns until when this account knows the address, if it still does.
    pub(super) async fn until(
        &self,
        user: UserId,
        address: ClientAddress,
    ) -> Result<Option<Timestamp>, BackendError> {
        let until = self.store.known_until(user, self.digest(user, address)).await?;
        Ok(until.filter(|until| *until > self.clock.now()))
    }

    /// Records a sign-in to this account from the address, known until `known` before. Writes
    /// only when half of `span` has passed, to save writes.
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
            // The known address matters only while the account is attacked.
            tracing::warn!(
                user.id = user.get(),
                error = with_causes(&error),
                "failed to store a known address"
            );
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
