//! Hashes names to numbers: any text costs the same, and none can be read back.

use sha2::{Digest as _, Sha256};

use super::ClientAddress;

/// The account name that a client gave, existing or not.
pub(super) fn account(username: &str) -> u128 {
    digest(&[], username)
}

pub(super) fn account_at(username: &str, address: ClientAddress) -> u128 {
    digest(&address.number().to_be_bytes(), username)
}

fn digest(head: &[u8], username: &str) -> u128 {
    let digest = Sha256::new().chain_update(head).chain_update(username).finalize();
    digest.first_chunk().map_or(0, |half| u128::from_be_bytes(*half))
}
