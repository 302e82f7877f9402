//! The payload of a ping.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

/// Says when a ping was sent, so that its pong tells how long the way was. A pong also says that
/// everything before the ping has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp {
    /// Since the start of the worker.
    micros: u64,
}

impl Stamp {
    pub(super) fn payload(self) -> [u8; 8] {
        self.micros.to_be_bytes()
    }
}

/// Makes the stamps of one worker, and reads them from pongs.
#[derive(Debug)]
pub(super) struct Stamps {
    began: Instant,
    /// The newest.
    micros: Cell<u64>,
}

impl Stamps {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), micros: Cell::new(0) }
    }

    /// Each stamp is later than the last.
    pub(super) fn next(&self, now: Instant) -> Stamp {
        let since = now.saturating_duration_since(self.began).as_micros();
        let micros = u64::try_from(since).unwrap_or(u64::MAX).max(self.micros.get() + 1);
        self.micros.set(micros);
        Stamp { micros }
    }

    /// The stamp of a pong and its time. `None` if the pong answers another ping.
    pub(super) fn read(&self, payload: &[u8]) -> Option<(Stamp, Instant)> {
        let micros = u64::from_be_bytes(payload.try_into().ok()?);
        let is_known = micros <= self.micros.get();
        is_known.then(|| (Stamp { micros }, self.began + Duration::from_micros(micros)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::Stamps;

    #[test]
    fn a_pong_tells_when_its_ping_was_sent_and_others_tell_nothing() {
        let stamps = Stamps::new();
        let now = Instant::now() + Duration::from_secs(1);
        let (first, second) = (stamps.next(now), stamps.next(now));

        let (stamp, sent) = stamps.read(&first.payload()).unwrap();

        assert!(first < second && stamp == first);
        assert!(now.duration_since(sent) < Duration::from_millis(1));
        for other in [&[][..], &[0; 7], &[0xff; 8], &[0; 9]] {
            assert!(stamps.read(other).is_none(), "{other:?}");
        }
    }
}
