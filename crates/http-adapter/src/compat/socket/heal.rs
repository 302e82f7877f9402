//! Decides when to resend the history to a client.
//!
//! Of the frames that arrive between two renderings, the React client shows only the last. A full
//! history restores the missing rows.

use std::time::Duration;

use tokio::time::Instant;

/// Frames closer together than this may fall into one rendering.
const CLOSE: Duration = Duration::from_millis(250);
/// A burst ends after this long without a frame.
const QUIET: Duration = Duration::from_millis(300);
/// The interval of histories during a burst that does not end.
const UNBROKEN: Duration = Duration::from_secs(5);

/// The recent traffic to one client.
#[derive(Debug, Default)]
pub(super) struct Heal {
    /// When the newest frame about the lobby was queued, histories included.
    last: Option<Instant>,
    /// Since when rows may be missing.
    armed: Option<Instant>,
    healed: Option<Instant>,
}

impl Heal {
    /// Records frames about the lobby. `behind_others` means that the queue was not empty, so that
    /// they leave together with earlier frames.
    pub(super) fn sent(&mut self, frames: usize, behind_others: bool, now: Instant) {
        if frames == 0 {
            return;
        }
        let is_close = self.last.is_some_and(|last| now.duration_since(last) < CLOSE);
        if frames > 1 || is_close || (behind_others && self.last.is_some()) {
            self.armed.get_or_insert(now);
        }
        self.last = Some(now);
    }

    /// Requests a history for another reason than a burst.
    pub(super) fn arm(&mut self, now: Instant) {
        self.armed.get_or_insert(now);
        self.last = Some(now);
    }

    pub(super) fn history_sent(&mut self, now: Instant) {
        self.armed = None;
        self.last = Some(now);
        self.healed = Some(now);
    }

    pub(super) fn is_armed(&self) -> bool {
        self.armed.is_some()
    }

    /// Whether to send a history now. Histories are at least `gap` apart.
    pub(super) fn is_due(&self, now: Instant, gap: Duration) -> bool {
        let (Some(armed), Some(last)) = (self.armed, self.last) else { return false };
        let is_quiet = now >= last + QUIET && self.healed.is_none_or(|healed| now >= healed + gap);
        let began = self.healed.map_or(armed, |healed| healed.max(armed));
        is_quiet || now >= began + UNBROKEN
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::Heal;

    /// The times of histories in milliseconds, for frames at these times and a check every 50 ms.
    fn histories(frames: &[(u64, usize)], gap: u64) -> Vec<u64> {
        let began = Instant::now();
        let at = |ms| began + Duration::from_millis(ms);
        let mut heal = Heal::default();
        let mut histories = Vec::new();
        for ms in (0..20_000).step_by(50) {
            for (_, count) in frames.iter().filter(|(frame, _)| *frame == ms) {
                heal.sent(*count, false, at(ms));
            }
            if heal.is_due(at(ms), Duration::from_millis(gap)) {
                heal.history_sent(at(ms));
                histories.push(ms);
            }
        }
        histories
    }

    #[test]
    fn a_burst_is_healed_once_it_is_quiet() {
        assert!(histories(&[(0, 1)], 0).is_empty());
        assert_eq!(histories(&[(0, 2)], 0), [300]);
        assert_eq!(histories(&[(0, 1), (200, 1), (400, 1)], 0), [700]);
        assert!(histories(&[(0, 1), (250, 1), (500, 1)], 0).is_empty());
    }

    #[test]
    fn frames_close_to_a_history_count_as_a_burst() {
        assert_eq!(histories(&[(0, 2), (450, 1)], 0), [300, 750]);
        assert_eq!(histories(&[(0, 2), (550, 1)], 0), [300]);
    }

    #[test]
    fn unbroken_traffic_is_healed_every_five_seconds_and_at_its_end() {
        let traffic: Vec<_> = (0..=12_000).step_by(100).map(|ms| (ms, 1)).collect();

        assert_eq!(histories(&traffic, 0), [5100, 10_200, 12_300]);
    }

    #[test]
    fn costly_histories_are_sent_less_often() {
        assert_eq!(histories(&[(0, 2), (1000, 2)], 0), [300, 1300]);
        assert_eq!(histories(&[(0, 2), (1000, 2)], 2000), [300, 2300]);
    }
}
