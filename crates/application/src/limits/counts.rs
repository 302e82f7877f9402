//! What this node holds at the same time.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::ports::{HeldCount, LimitKey};

/// By key. Never contains zeros.
#[derive(Debug, Default)]
pub(super) struct Counts(Mutex<Versioned>);

#[derive(Debug, Default)]
struct Versioned {
    here: HashMap<LimitKey, usize>,
    version: u64,
}

impl Counts {
    /// Counts one more, unless there are `most`.
    pub(super) fn enter(&self, key: LimitKey, most: usize) -> Option<HeldCount> {
        let mut counts = self.lock();
        let known = counts.here.get(&key).copied().unwrap_or(0);
        (known < most).then(|| counts.set(key, known.saturating_add(1)))
    }

    pub(super) fn leave(&self, key: LimitKey) -> HeldCount {
        let mut counts = self.lock();
        let known = counts.here.get(&key).copied().unwrap_or(0);
        counts.set(key, known.saturating_sub(1))
    }

    fn lock(&self) -> MutexGuard<'_, Versioned> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Versioned {
    fn set(&mut self, key: LimitKey, count: usize) -> HeldCount {
        match count {
            0 => self.here.remove(&key),
            count => self.here.insert(key, count),
        };
        self.version = self.version.saturating_add(1);
        HeldCount { count: count as u64, version: self.version }
    }
}
