//! [`KnownAddressStore`] over the queries.

use application::ports::{AddressDigest, BackendError, KnownAddressStore, StoreError};
use async_trait::async_trait;
use domain::{Timestamp, UserId};

use super::{Store, known_addresses};

#[async_trait]
impl KnownAddressStore for Store {
    async fn known_until(
        &self,
        user: UserId,
        address: AddressDigest,
    ) -> Result<Option<Timestamp>, BackendError> {
        self.read("look up a known address", async move |conn| {
            Ok(known_addresses::until(conn, user, address).await?)
        })
        .await
    }

    async fn know(
        &self,
        user: UserId,
        address: AddressDigest,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("keep a known address", async move |conn| {
            Ok(known_addresses::know(conn, user, address, now, until).await?)
        })
        .await
    }
}
