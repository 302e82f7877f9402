//! The addresses from which users have signed in.

use application::ports::{
    AddressDigest, BackendError, KnownAddressStore, MOST_KNOWN_ADDRESSES, StoreError,
};
use async_trait::async_trait;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use domain::{Timestamp, UserId};

use super::{Store, dialect};
use crate::schema::known_addresses;

/// Addresses that one sign-in deletes over the limit, and as expired.
const DELETED_AT_ONCE: i64 = 32;

#[async_trait]
impl KnownAddressStore for Store {
    async fn known_until(
        &self,
        user: UserId,
        AddressDigest(digest): AddressDigest,
    ) -> Result<Option<Timestamp>, BackendError> {
        self.read("look up a known address", async move |conn| {
            let until: Option<i64> = known_addresses::table
                .find(digest.to_be_bytes().to_vec())
                .filter(known_addresses::account_id.eq(user.get()))
                .select(known_addresses::until)
                .first(conn)
                .await
                .optional()?;
            Ok(until.map(Timestamp::from_micros))
        })
        .await
    }

    async fn know(
        &self,
        user: UserId,
        AddressDigest(digest): AddressDigest,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("store a known address", async move |conn| {
            // The lock serializes the sign-ins of one account.
            if dialect::lock_account(conn, user).await?.is_none() {
                return Ok(());
            }
            diesel::insert_into(known_addresses::table)
                .values((
                    known_addresses::digest.eq(digest.to_be_bytes().to_vec()),
                    known_addresses::account_id.eq(user.get()),
                    known_addresses::until.eq(until.micros()),
                ))
                .on_conflict(known_addresses::digest)
                .do_update()
                .set(known_addresses::until.eq(until.micros()))
                .execute(conn)
                .await?;
            let mut deleted: Vec<Vec<u8>> = known_addresses::table
                .filter(known_addresses::account_id.eq(user.get()))
                .order(known_addresses::until.desc())
                .offset(i64::try_from(MOST_KNOWN_ADDRESSES).unwrap_or(i64::MAX))
                .limit(DELETED_AT_ONCE)
                .select(known_addresses::digest)
                .load(conn)
                .await?;
            deleted.extend(dialect::expired_addresses(conn, now, DELETED_AT_ONCE).await?);
            if !deleted.is_empty() {
                let deleted = known_addresses::digest.eq_any(deleted);
                diesel::delete(known_addresses::table.filter(deleted)).execute(conn).await?;
            }
            Ok(())
        })
        .await
    }
}
