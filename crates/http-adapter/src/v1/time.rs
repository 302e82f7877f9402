//! Times as v1 writes them: RFC 3339, in UTC, with microseconds.

use domain::Timestamp;
use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use utoipa::ToSchema;

/// A time: RFC 3339, in UTC, with microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(as = Timestamp, value_type = String, format = DateTime, examples("2026-11-24T09:15:32.375945Z"))]
pub(crate) struct Time(pub(crate) Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&text(self.0))
    }
}

/// `2026-11-24T09:15:32.375945Z`
pub(crate) fn text(at: Timestamp) -> String {
    let format =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
    let nanos = i128::from(at.micros()) * 1000;
    let moment = OffsetDateTime::from_unix_timestamp_nanos(nanos);
    moment.ok().and_then(|moment| moment.format(format).ok()).unwrap_or_default()
}

/// Accepts any offset.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let micros = moment.unix_timestamp_nanos() / 1000;
    i64::try_from(micros).ok().map(Timestamp::from_micros)
}

#[cfg(test)]
mod tests {
    use super::{parse, text};
    use domain::Timestamp;

    #[test]
    fn times_are_written_in_utc_and_read_with_any_offset() {
        let at = Timestamp::from_micros(1_795_511_732_375_945);

        assert_eq!(text(at), "2026-11-24T09:15:32.375945Z");
        assert_eq!(parse(&text(at)), Some(at));
        assert_eq!(parse("2026-11-24T12:15:32.375945+03:00"), Some(at));
        assert_eq!(parse("yesterday"), None);
        assert_eq!(text(Timestamp::from_seconds(0)), "1970-01-01T00:00:00.000000Z");
    }
}
