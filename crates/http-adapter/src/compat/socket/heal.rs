//! When a client is to be sent the history again.
//!
//! The React client shows only the last of the frames that it handles between
//! two renderings; a history that holds everything sets it right.

use std::time::Duration;

use tokio::time::Instant;

/// Frames closer than this may be handled in one rendering.
const CLOSE: Duration = Duration::from_millis(250);
/// A burst is over after so long.
const QUIET: Duration = Duration::from_millis(300);
/// A burst that is not over is healed this often.
const UNBROKEN: Duration = Duration::from_secs(5);

/// What one client was told lately.
#[derive(Debug, Default)]
pub(super) struct Heal {
    /// The newest frame about the room, a history among them.
    last: Option<Instant>,
    /// Since when rows may be missing.
    armed: Option<Instant>,
    healed: Option<Instant>,
}

impl Heal {
    /// `frames` about the room are on their way; `behind_others` if they leave
    /// together with what was on its way before.
    pub(super) fn told(&mut self, frames: usize, behind_others: bool, now: Instant) {
        if frames == 0 {
            return;
        }
        let is_close = self.last.is_some_and(|last| now.duration_since(last) < CLOSE);
        if frames > 1 || is_close || (behind_others && self.last.is_some()) {
            self.armed.get_or_insert(now);
        }
        self.last = Some(now);
    }

    /// The user changed something in another tab, which this one ignores.
    pub(super) fn changed_elsewhere(&mut self, now: Instant) {
        self.armed.get_or_insert(now);
        self.last = Some(now);
    }

    /// A history is on its way.
    pub(super) fn healed(&mut self, now: Instant) {
        self.armed = None;
        self.last = Some(now);
        self.healed = Some(now);
    }

    pub(super) fn is_armed(&self) -> bool {
        self.armed.is_some()
    }

    /// Whether a history should go now, at least `gap` after the one before.
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

    /// Times, in milliseconds, at which a history goes, when frames come at
    /// these and it is looked at every 50.
    fn histories(frames: &[(u64, usize)], gap: u64) -> Vec<u64> {
        let began = Instant::now();
        let at = |ms| began + Duration::from_millis(ms);
        let mut heal = Heal::default();
        let mut histories = Vec::new();
        for ms in (0..20_000).step_by(50) {
            for (_, count) in frames.iter().filter(|(frame, _)| *frame == ms) {
                heal.told(*count, false, at(ms));
            }
            if heal.is_due(at(ms), Duration::from_millis(gap)) {
                heal.healed(at(ms));
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
    fn frames_close_to_a_history_are_a_burst() {
        assert_eq!(histories(&[(0, 2), (450, 1)], 0), [300, 750]);
        assert_eq!(histories(&[(0, 2), (550, 1)], 0), [300]);
    }

    #[test]
    fn unbroken_traffic_is_healed_every_five_seconds_and_once_more_after_it() {
        let traffic: Vec<_> = (0..=12_000).step_by(100).map(|ms| (ms, 1)).collect();

        assert_eq!(histories(&traffic, 0), [5100, 10_200, 12_300]);
    }

    #[test]
    fn costly_histories_keep_their_distance() {
        assert_eq!(histories(&[(0, 2), (1000, 2)], 0), [300, 1300]);
        assert_eq!(histories(&[(0, 2), (1000, 2)], 2000), [300, 2300]);
    }
}
