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
        self.db
            .look(move |conn| {
                Box::pin(async move { Ok(known_addresses::until(conn, user, address).await?) })
            })
            .await
            .map_err(|failure| failure.into_backend_error("look up a known address"))
    }

    async fn know(
        &self,
        user: UserId,
        address: AddressDigest,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        self.db
            .write(move |conn| {
                Box::pin(async move {
                    Ok(known_addresses::know(conn, user, address, now, until).await?)
                })
            })
            .await
            .map_err(|failure| failure.into_store_error("keep a known address"))
    }
}
