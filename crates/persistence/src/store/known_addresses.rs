//! From where accounts were signed in to.

use application::ports::{AddressDigest, MOST_KNOWN_ADDRESSES};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use domain::{Timestamp, UserId};

use super::{Conn, dialect};
use crate::schema::known_addresses;

/// Addresses that one success forgets at most, for either cause.
const FORGOTTEN_AT_ONCE: i64 = 32;

pub(super) async fn until(
    conn: &mut Conn,
    user: UserId,
    AddressDigest(digest): AddressDigest,
) -> QueryResult<Option<Timestamp>> {
    let until: Option<i64> = known_addresses::table
        .find(digest.to_be_bytes().to_vec())
        .filter(known_addresses::account_id.eq(user.get()))
        .select(known_addresses::until)
        .first(conn)
        .await
        .optional()?;
    Ok(until.map(Timestamp::from_micros))
}

/// Keeps an address, and forgets what the account knows beyond the most and some of
/// what has ended. Within a transaction.
pub(super) async fn know(
    conn: &mut Conn,
    user: UserId,
    AddressDigest(digest): AddressDigest,
    now: Timestamp,
    until: Timestamp,
) -> QueryResult<()> {
    // Those who keep one for the same account take turns.
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
    let most = i64::try_from(MOST_KNOWN_ADDRESSES).unwrap_or(i64::MAX);
    let mut forgotten: Vec<Vec<u8>> = known_addresses::table
        .filter(known_addresses::account_id.eq(user.get()))
        .order(known_addresses::until.desc())
        .offset(most)
        .limit(FORGOTTEN_AT_ONCE)
        .select(known_addresses::digest)
        .load(conn)
        .await?;
    forgotten.extend(dialect::ended_addresses(conn, now, FORGOTTEN_AT_ONCE).await?);
    if forgotten.is_empty() {
        return Ok(());
    }
    diesel::delete(known_addresses::table.filter(known_addresses::digest.eq_any(forgotten)))
        .execute(conn)
        .await?;
    Ok(())
}
