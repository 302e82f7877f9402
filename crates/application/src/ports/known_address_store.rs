use async_trait::async_trait;
use domain::{Timestamp, UserId};

use super::{BackendError, StoreError};

/// Remembers for a limited time from which addresses an account signed in.
///
/// Every adapter passes `testkit::known_address_store_contract!`.
#[async_trait]
pub trait KnownAddressStore: Send + Sync {
    /// Returns when the account's knowledge of the address expires, possibly in the past.
    async fn known_until(
        &self,
        user: UserId,
        address: AddressDigest,
    ) -> Result<Option<Timestamp>, BackendError>;

    /// Remembers the address from now until the given time, if the account exists. In the same
    /// transaction, drops the account's earliest-expiring addresses beyond
    /// [`MOST_KNOWN_ADDRESSES`], and some expired addresses of any account.
    async fn know(
        &self,
        user: UserId,
        address: AddressDigest,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<(), StoreError>;
}

/// Known addresses per account.
pub const MOST_KNOWN_ADDRESSES: usize = 32;

/// A keyed digest of an account and an address. Without the key it reveals neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressDigest(pub u128);
