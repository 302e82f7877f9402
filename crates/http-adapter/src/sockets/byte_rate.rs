//! A rate in bytes.

use std::time::Duration;

use tokio::time::Instant;

/// The bytes of this time may be sent at once.
const BURST: Duration = Duration::from_secs(10);

/// A token bucket in bytes. Anything may be sent while the bucket is not overdrawn, however large, so
/// that large answers are rare instead of impossible.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ByteRate {
    full_at: Option<Instant>,
}

impl ByteRate {
    pub(crate) fn pay(&mut self, bytes: usize, per_second: f64, now: Instant) {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let cost = Duration::try_from_secs_f64(bytes as f64 / per_second);
        let from = self.full_at.map_or(now, |full_at| full_at.max(now));
        // An hour is as long as for ever, and never overflows.
        self.full_at = Some(from + cost.unwrap_or(Duration::MAX).min(Duration::from_hours(1)));
    }

    pub(crate) fn is_overdrawn(&self, now: Instant) -> bool {
        self.full_at.is_some_and(|full_at| full_at > now + BURST)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::ByteRate;

    #[test]
    fn larger_payments_are_followed_by_longer_waits() {
        let began = Instant::now();
        let mut rate = ByteRate::default();
        let is_overdrawn_at =
            |rate: &ByteRate, s| rate.is_overdrawn(began + Duration::from_secs(s));

        assert!(!is_overdrawn_at(&rate, 0));
        rate.pay(1000, 100.0, began);
        assert!(!is_overdrawn_at(&rate, 0));
        rate.pay(2000, 100.0, began);
        assert!(is_overdrawn_at(&rate, 19) && !is_overdrawn_at(&rate, 20));
        rate.pay(0, 0.0, began);
        rate.pay(1, 0.0, began);
        assert!(is_overdrawn_at(&rate, 3600));
    }
}
