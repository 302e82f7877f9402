//! When what was written is worth tidying up behind.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Intents that are worth it. PostgreSQL itself would wait for some 5,000 messages,
/// and let whoever writes the next one do the work.
const WORTH: usize = 1_000;

/// How much was written, and whether somebody tidies up.
#[derive(Debug, Default)]
pub(super) struct GinMaintenance {
    written: AtomicUsize,
    under_way: AtomicBool,
}

impl GinMaintenance {
    /// Counts intents; true when it is up to the caller to tidy up, and then to say
    /// [`Self::has_ended`].
    pub(super) fn begins_after(&self, intents: usize) -> bool {
        let written = self.written.fetch_add(intents, Ordering::Relaxed).saturating_add(intents);
        if written < WORTH || self.under_way.swap(true, Ordering::AcqRel) {
            return false;
        }
        self.written.store(0, Ordering::Relaxed);
        true
    }

    pub(super) fn has_ended(&self) {
        self.under_way.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tidies_up_after_a_thousand_intents_and_nobody_else_meanwhile() {
        let tidying = GinMaintenance::default();
        assert!(!tidying.begins_after(999));
        assert!(tidying.begins_after(1));
        assert!(!tidying.begins_after(5_000));

        tidying.has_ended();

        assert!(tidying.begins_after(1));
        tidying.has_ended();
        assert!(!tidying.begins_after(999));
    }
}
