//! Marks.

use std::time::Duration;

use application::ports::{Clock as _, LimitKey, LimitScope};
use domain::Timestamp;

use super::{Counted, key};

const DAY: Duration = Duration::from_hours(24);

/// And not a moment longer.
pub async fn a_mark_lasts_as_long_as_was_said(counted: Counted) {
    counted.limiter.mark(key(1), DAY).await;

    assert!(counted.limiter.is_marked(key(1)).await);
    let end = counted.clock.now().after(DAY);
    counted.clock.set(Timestamp::from_micros(end.micros() - 1));
    assert!(counted.limiter.is_marked(key(1)).await);
    counted.clock.set(end);
    assert!(!counted.limiter.is_marked(key(1)).await);
}

/// From the newest mark on.
pub async fn marking_again_starts_anew(counted: Counted) {
    counted.limiter.mark(key(1), DAY).await;
    counted.clock.advance(DAY / 2);

    counted.limiter.mark(key(1), DAY).await;
    counted.clock.advance(DAY / 2);

    assert!(counted.limiter.is_marked(key(1)).await);
}

/// Neither other subjects nor other scopes.
pub async fn nothing_else_is_marked(counted: Counted) {
    counted.limiter.mark(key(1), DAY).await;

    assert!(!counted.limiter.is_marked(key(2)).await);
    let other = LimitKey { scope: LimitScope::KnownAddress, subject: 1 };
    assert!(!counted.limiter.is_marked(other).await);
}
