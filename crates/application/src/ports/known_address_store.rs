//! Where it is kept from where accounts were signed in to.

use async_trait::async_trait;
use domain::{Timestamp, UserId};

use super::{BackendError, StoreError};

/// Where it is kept from where accounts were signed in to, for a time.
///
/// Every adapter passes `testkit::known_address_store_contract!`.
#[async_trait]
pub trait KnownAddressStore: Send + Sync {
    /// Until when the account knows the address, which may have passed.
    async fn known_until(
        &self,
        user: UserId,
        address: AddressDigest,
    ) -> Result<Option<Timestamp>, BackendError>;

    /// The account, if there is one, knows the address from now on and until then.
    /// Atomic with it, what it knows beyond [`MOST_KNOWN_ADDRESSES`] is
    /// forgotten, the first to end first, and some of what has ended, of anybody.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store itself failed.
    async fn know(
        &self,
        user: UserId,
        address: AddressDigest,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<(), StoreError>;
}

/// Addresses that an account knows at the same time.
pub const MOST_KNOWN_ADDRESSES: usize = 32;

/// An address, and the account that knows it, as a number that tells neither to
/// who lacks the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressDigest(pub u128);
