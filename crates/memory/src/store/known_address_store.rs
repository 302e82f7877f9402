use application::ports::{
    AddressDigest, BackendError, KnownAddressStore, MOST_KNOWN_ADDRESSES, StoreError,
};
use async_trait::async_trait;
use domain::{Timestamp, UserId};

use crate::store::InMemoryChat;

#[async_trait]
impl KnownAddressStore for InMemoryChat {
    async fn known_until(
        &self,
        user: UserId,
        address: AddressDigest,
    ) -> Result<Option<Timestamp>, BackendError> {
        let state = self.state();
        let known = state.known_addresses.get(&address).filter(|(owner, _)| *owner == user);
        Ok(known.map(|(_, until)| *until))
    }

    async fn know(
        &self,
        user: UserId,
        address: AddressDigest,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        let state = &mut *self.state();
        if !state.accounts.contains_key(&user) {
            return Ok(());
        }
        let known = &mut state.known_addresses;
        known.insert(address, (user, until));
        known.retain(|_, (_, until)| *until > now);
        let own = known.iter().filter(|(_, (owner, _))| *owner == user);
        let mut own: Vec<_> = own.map(|(address, (_, until))| (*until, *address)).collect();
        own.sort_unstable();
        for (_, surplus) in own.iter().rev().skip(MOST_KNOWN_ADDRESSES) {
            known.remove(surplus);
        }
        Ok(())
    }
}
