//! Decides when to resend the history to a client.
//!
//! Of the frames that arrive between two renderings, the React client shows only the last. It also
//! ignores what it hears of its own user's changes, so that a history that was on its way during
//! such a change undoes it on the screen. A newer history restores both.
//!
//! The network may keep frames back and deliver them together. So pings follow the frames, and the
//! pongs tell when they arrived.

use std::time::Duration;

use domain::Seq;
use tokio::time::Instant;

use super::stamp::Stamp;
use crate::sockets::ByteRate;

/// Frames closer together than this may fall into one rendering.
const CLOSE: Duration = Duration::from_millis(250);
/// A burst ends after this long without a frame, or after the time of a history on a slow line, because
/// the next frames wait for the history.
const QUIET: Duration = Duration::from_millis(300);
const LONGEST_QUIET: Duration = Duration::from_secs(2);
/// The interval of histories during a burst that does not end.
const UNBROKEN: Duration = Duration::from_secs(5);
/// The same after the network has kept frames back.
const UNBROKEN_LATE: Duration = Duration::from_secs(1);
/// During such a burst, histories get at most this part of the line, because the frames behind a
/// history arrive together.
const LINE_PART: u32 = 100;
/// A frame after this long without one carries a ping.
const PAUSE: Duration = Duration::from_millis(600);
/// In a burst, pings are this far apart. A stall of two seconds holds one of them.
const PING_INTERVAL: Duration = Duration::from_millis(1250);
/// A pong is late only if it takes this much longer than usual.
const LATE: Duration = Duration::from_millis(100);
/// How much longer than expected a history takes if the network has kept it back.
const HISTORY_LATE: Duration = Duration::from_secs(1);
/// A change that arrives this long after a history may have been made before it.
const RECENT: Duration = Duration::from_secs(5);

/// The recent traffic to one client.
#[derive(Debug, Default)]
pub(super) struct Heal {
    /// When the newest frame about the lobby was queued, histories included.
    last: Option<Instant>,
    armed: Option<Armed>,
    /// Whether a history was requested and is not sent yet.
    is_requested: bool,
    /// The newest change by the user, which every later history must contain.
    own_change: Option<Seq>,
    history: Option<SentHistory>,
    pinged: Option<Instant>,
    /// Pongs to earlier pings say nothing, because the server did not read them in time.
    ignore_pongs_until: Option<Instant>,
    line: Line,
    bytes: ByteRate,
}

/// The screen may be wrong.
#[derive(Debug, Clone, Copy)]
struct Armed {
    since: Instant,
    cause: Cause,
}

/// Later ones are more urgent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cause {
    /// Frames were sent close together.
    Burst,
    /// A change by the user is not on the screen, or one is that was refused.
    Change,
    /// The network has kept frames back.
    Late,
}

/// The newest history. It is delivered once the client has answered the ping behind it.
#[derive(Debug)]
struct SentHistory {
    sent: Instant,
    bytes: usize,
    /// The pings before and behind it.
    pings: [Stamp; 2],
    /// When the pongs to them came.
    began: Option<Instant>,
    delivered: Option<Instant>,
    /// When the first frame was sent behind it, while it was undelivered.
    behind: Option<Instant>,
}

impl SentHistory {
    fn is_undelivered(&self) -> bool {
        self.delivered.is_none()
    }
}

/// What the pongs tell about the way to the client.
#[derive(Debug, Default)]
struct Line {
    round_trip: Option<Duration>,
    bytes_per_second: Option<f64>,
}

impl Line {
    fn round_trip(&self) -> Duration {
        self.round_trip.unwrap_or_default()
    }

    /// Learns from a pong, and returns whether it was late.
    fn note_pong(&mut self, took: Duration) -> bool {
        let Some(usual) = self.round_trip else {
            self.round_trip = Some(took);
            return false;
        };
        let longest = usual + usual.max(LATE);
        // Shorter ones count at once, and longer ones only if they stay.
        self.round_trip = Some(took.min(usual + took.min(longest).saturating_sub(usual) / 8));
        took > longest
    }

    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn note_history(&mut self, bytes: usize, took: Duration) {
        let measured = bytes as f64 / took.max(Duration::from_millis(1)).as_secs_f64();
        // A stall makes a line look slow for once.
        let known = self.bytes_per_second.unwrap_or_default();
        self.bytes_per_second = Some(measured.max(known / 2.0));
    }

    /// The time that this many bytes take; zero if nothing is known.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn time_of(&self, bytes: usize) -> Duration {
        let time =
            self.bytes_per_second.map(|rate| Duration::try_from_secs_f64(bytes as f64 / rate));
        time.map_or(Duration::ZERO, |time| time.unwrap_or(UNBROKEN))
    }
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
            self.arm(now, Cause::Burst);
        }
        if let Some(history) = self.history.as_mut().filter(|history| history.is_undelivered()) {
            history.behind.get_or_insert(now);
        }
        self.last = Some(now);
    }

    /// Whether a ping must follow the next frame.
    pub(super) fn is_ping_due(&self, now: Instant) -> bool {
        let is_after = |at: Option<Instant>, span| at.is_none_or(|at| now >= at + span);
        is_after(self.last, PAUSE) || is_after(self.pinged, PING_INTERVAL)
    }

    pub(super) fn pinged(&mut self, now: Instant) {
        self.pinged = Some(now);
    }

    /// Records the answer to a ping of the time `sent`.
    pub(super) fn pong(&mut self, stamp: Stamp, sent: Instant, now: Instant) {
        let is_read_in_time = self.ignore_pongs_until.is_none_or(|until| sent >= until);
        // A frame behind a history is late because of it.
        let waits_for = |history: &SentHistory| {
            stamp >= history.pings[1] && history.delivered.is_none_or(|at| sent < at)
        };
        let is_own_fault = self.history.as_ref().is_some_and(waits_for);
        if is_read_in_time
            && !is_own_fault
            && self.line.note_pong(now.saturating_duration_since(sent))
        {
            self.arm(now, Cause::Late);
        }
        if self.note_delivery(stamp, now) && is_read_in_time {
            self.arm(now, Cause::Late);
        }
    }

    /// Returns whether a history was delivered late.
    fn note_delivery(&mut self, stamp: Stamp, now: Instant) -> bool {
        let Some(history) = self.history.as_mut().filter(|history| history.is_undelivered()) else {
            return false;
        };
        let [before, behind] = history.pings;
        if stamp < behind {
            if stamp >= before {
                history.began.get_or_insert(now);
            }
            return false;
        }
        history.delivered = Some(now);
        let usual = self.line.round_trip();
        // Clients may answer only the newest of several pings.
        let began = history.began.unwrap_or(history.sent + usual);
        let (sent, bytes, first) = (history.sent, history.bytes, history.behind);
        let expected = self.line.time_of(bytes);
        self.line.note_history(bytes, now.saturating_duration_since(began));
        // When a frame would have been sent that arrived together with the end of the history.
        let end = now.checked_sub(usual).unwrap_or(now);
        if first.is_some_and(|first| first < end + CLOSE) {
            self.arm(now, Cause::Burst);
        }
        let took = now.saturating_duration_since(sent);
        !expected.is_zero() && took > usual + 2 * expected + HISTORY_LATE
    }

    /// Records that the server did not read from the client until now.
    pub(super) fn note_read_pause(&mut self, now: Instant) {
        self.ignore_pongs_until = Some(now);
    }

    /// Records a change that the user made in this or, if `in_another_tab`, perhaps in another tab.
    pub(super) fn changed_by_user(&mut self, change: Seq, in_another_tab: bool, now: Instant) {
        let may_be_undone = |history: &SentHistory| {
            history.delivered.is_none_or(|delivered| now < delivered + RECENT)
        };
        self.own_change = self.own_change.max(Some(change));
        if in_another_tab || self.history.as_ref().is_some_and(may_be_undone) {
            self.arm(now, Cause::Change);
            self.last = Some(now);
        }
    }

    /// Requests a history for another reason than traffic.
    pub(super) fn mark_screen_wrong(&mut self, now: Instant) {
        self.is_requested = false;
        self.arm(now, Cause::Change);
        self.last = Some(now);
    }

    fn arm(&mut self, now: Instant, cause: Cause) {
        let armed = self.armed.get_or_insert(Armed { since: now, cause });
        if cause > armed.cause {
            *armed = Armed { since: now, cause };
        }
    }

    /// Records a history of `bytes` with everything up to `head`, and the pings around it.
    pub(super) fn history_sent(
        &mut self,
        head: Seq,
        bytes: usize,
        pings: [Stamp; 2],
        now: Instant,
    ) {
        let is_undone = self.own_change.is_some_and(|change| change > head);
        self.armed = is_undone.then_some(Armed { since: now, cause: Cause::Change });
        self.is_requested = false;
        self.last = Some(now);
        self.pinged = Some(now);
        let (began, delivered, behind) = (None, None, None);
        self.history = Some(SentHistory { sent: now, bytes, pings, began, delivered, behind });
    }

    /// Pays for a history.
    pub(super) fn pay(&mut self, bytes: usize, per_second: f64, now: Instant) {
        self.bytes.pay(bytes, per_second, now);
    }

    /// Whether a history may become due without another pong.
    pub(super) fn is_waiting(&self) -> bool {
        self.armed.is_some() && !self.is_requested && !self.is_undelivered()
    }

    fn is_undelivered(&self) -> bool {
        self.history.as_ref().is_some_and(SentHistory::is_undelivered)
    }

    /// Returns whether to send a history now. If so, returns false until it was sent.
    pub(super) fn request(&mut self, now: Instant) -> bool {
        let is_due = self.is_due(now);
        self.is_requested |= is_due;
        is_due
    }

    fn is_due(&self, now: Instant) -> bool {
        let (Some(armed), Some(last)) = (self.armed, self.last) else { return false };
        if !self.is_waiting() || self.bytes.is_overdrawn(now) {
            return false;
        }
        // How long the frames behind a history may wait for it.
        let bytes = self.history.as_ref().map_or(0, |history| history.bytes);
        let wait = self.line.time_of(bytes);
        let (quiet, unbroken) = match armed.cause {
            Cause::Burst => (wait.clamp(QUIET, LONGEST_QUIET), (wait * LINE_PART).max(UNBROKEN)),
            Cause::Change => (QUIET, UNBROKEN),
            Cause::Late => (QUIET, UNBROKEN_LATE),
        };
        now >= last + quiet || now >= armed.since + unbroken
    }
}

#[cfg(test)]
mod tests;
