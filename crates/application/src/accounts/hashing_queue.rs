//! Places in the queue of the password hasher, shared fairly by the sites of clients: an IPv4 address, or an
//! IPv6 network of 48 bits.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::ClientAddress;

/// Cheap to clone.
#[derive(Clone)]
pub(super) struct HashingQueue(Arc<Queue>);

struct Queue {
    places: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    /// Never contains zeros.
    by_site: HashMap<ClientAddress, usize>,
}

/// A place in the queue, until it is dropped.
#[must_use]
pub(super) struct Place(HashingQueue, ClientAddress);

/// Too many passwords wait. Nothing was counted, and nothing compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords wait to be hashed")]
pub struct HasherBusy;

impl HashingQueue {
    pub(super) fn new(places: usize) -> Self {
        Self(Arc::new(Queue { places, taken: Mutex::default() }))
    }

    /// Takes a place. A quarter is kept for addresses that the account knows. While half of all
    /// places are taken, a site gets at most a quarter.
    pub(super) fn enter(
        &self,
        address: ClientAddress,
        is_known: bool,
    ) -> Result<Place, HasherBusy> {
        let places = self.0.places;
        let quarter = (places / 4).max(1);
        let mut taken = self.taken();
        let site = address.site();
        let own = taken.by_site.get(&site).copied().unwrap_or(0);
        let most = if is_known { places } else { places.saturating_sub(places / 4) };
        let is_fair = own < quarter || taken.all < places / 2;
        if taken.all >= most || !is_fair {
            return Err(HasherBusy);
        }
        taken.all += 1;
        taken.by_site.insert(site, own + 1);
        Ok(Place(self.clone(), site))
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Self(queue, site) = self;
        let mut taken = queue.taken();
        taken.all -= 1;
        if let Some(own) = taken.by_site.get_mut(site) {
            *own -= 1;
            if *own == 0 {
                taken.by_site.remove(site);
            }
        }
    }
}

impl fmt::Debug for HashingQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashingQueue").field("places", &self.0.places).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{HasherBusy, HashingQueue, Place};
    use crate::ClientAddress;

    fn address(number: u8) -> ClientAddress {
        ClientAddress::of([192, 0, 2, number].into())
    }

    /// Enters until there is no place.
    fn fill(queue: &HashingQueue, number: u8, is_known: bool) -> Vec<Place> {
        std::iter::from_fn(|| queue.enter(address(number), is_known).ok()).collect()
    }

    #[test]
    fn an_address_alone_gets_half_of_the_places() {
        let queue = HashingQueue::new(16);

        let held = fill(&queue, 1, false);

        assert_eq!(held.len(), 8);
        drop(held);
        assert_eq!(fill(&queue, 1, false).len(), 8);
    }

    #[test]
    fn a_crowd_leaves_places_for_known_addresses() {
        let queue = HashingQueue::new(16);

        let crowd: Vec<_> = (0..100).flat_map(|number| fill(&queue, number, false)).collect();

        assert_eq!(crowd.len(), 12);
        assert_eq!(queue.enter(address(200), false).err(), Some(HasherBusy));
        assert_eq!(fill(&queue, 201, true).len(), 4);
    }

    #[test]
    fn an_address_that_fills_its_part_does_not_keep_others_out() {
        let queue = HashingQueue::new(16);
        let _first = fill(&queue, 1, false);

        assert_eq!(fill(&queue, 2, false).len(), 4);
    }

    #[test]
    fn a_site_of_ipv6_gets_the_places_of_one_address() {
        let queue = HashingQueue::new(16);
        let enter = |network: u128| {
            let address = 0x2001_0db8 << 96 | network << 64;
            queue.enter(ClientAddress::of(std::net::Ipv6Addr::from_bits(address).into()), false)
        };

        let held: Vec<_> = (0..16).filter_map(|network| enter(network << 8).ok()).collect();

        assert_eq!(held.len(), 8);
        assert!(enter(1 << 16).is_ok());
    }

    #[test]
    fn one_place_is_enough() {
        let queue = HashingQueue::new(1);

        let place = queue.enter(address(1), false);

        assert!(place.is_ok());
        assert!(queue.enter(address(2), true).is_err());
        drop(place);
        assert!(queue.enter(address(2), false).is_ok());
        assert!(queue.taken().by_site.is_empty());
    }
}
