//! A bounded map that keeps what was used last.

use std::collections::HashMap;
use std::mem;

use domain::Timestamp;

/// Something of use for a time only.
pub(super) trait Lasting: Copy {
    /// When it will be of no use.
    fn until(&self) -> Timestamp;
}

/// Values by number, at most `capacity`. They are in two halves: what is used
/// goes to the young half, and when that is full, the old one is given up for it.
#[derive(Debug)]
pub(super) struct Recent<T> {
    half: usize,
    young: HashMap<u128, T>,
    old: HashMap<u128, T>,
}

impl<T: Lasting> Recent<T> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { half: (capacity / 2).max(1), young: HashMap::new(), old: HashMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    pub(super) fn get(&self, key: u128) -> Option<T> {
        self.young.get(&key).or_else(|| self.old.get(&key)).copied()
    }

    pub(super) fn put(&mut self, key: u128, value: T, now: Timestamp) {
        self.old.remove(&key);
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            self.make_room(now);
        }
        self.young.insert(key, value);
    }

    pub(super) fn remove(&mut self, key: u128) {
        self.young.remove(&key);
        self.old.remove(&key);
    }

    fn make_room(&mut self, now: Timestamp) {
        self.young.retain(|_, value| value.until() > now);
        // Otherwise the next sweep would come too soon.
        if self.young.len() > self.half / 2 {
            self.old = mem::take(&mut self.young);
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::{Lasting, Recent};

    impl Lasting for Timestamp {
        fn until(&self) -> Timestamp {
            *self
        }
    }

    const NOW: Timestamp = Timestamp::from_seconds(0);
    const LATER: Timestamp = Timestamp::from_seconds(1);

    #[test]
    fn the_least_recently_used_keys_are_evicted() {
        let mut recent = Recent::new(8);
        for key in 0..100 {
            recent.put(7, LATER, NOW);
            recent.put(1_000 + key, LATER, NOW);
            assert!(recent.len() <= 8);
        }

        assert_eq!(recent.get(7), Some(LATER));
        assert_eq!(recent.get(1_000), None);
        assert_eq!(recent.get(1_099), Some(LATER));
    }

    #[test]
    fn expired_keys_are_evicted_first() {
        let mut recent = Recent::new(8);
        recent.put(7, LATER, NOW);

        for key in 0..100 {
            recent.put(1_000 + key, NOW, NOW);
        }

        assert_eq!(recent.get(7), Some(LATER));
    }
}
