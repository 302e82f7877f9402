//! Times, UUIDs, and the integers of paths and queries, as v1 reads and writes them.

use domain::Timestamp;
use serde::{Serialize, Serializer};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};
use utoipa::ToSchema;
use uuid::Uuid;

/// A time: RFC 3339, in UTC, with microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(as = Timestamp, value_type = String, format = DateTime, examples("2026-11-24T09:15:32.375945Z"))]
pub(crate) struct Time(pub(crate) Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&time_text(self.0))
    }
}

/// `2026-11-24T09:15:32.375945Z`
pub(crate) fn time_text(at: Timestamp) -> String {
    let format =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
    let nanos = i128::from(at.micros()) * 1000;
    let moment = OffsetDateTime::from_unix_timestamp_nanos(nanos);
    moment.ok().and_then(|moment| moment.format(format).ok()).unwrap_or_default()
}

/// Accepts any offset, and every time that [`time_text`] can write: the years 0 to 9999 in UTC.
pub(crate) fn parse_time(text: &str) -> Option<Timestamp> {
    let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?.checked_to_offset(UtcOffset::UTC)?;
    if !(0..=9999).contains(&moment.year()) {
        return None;
    }
    let micros = moment.unix_timestamp_nanos() / 1000;
    i64::try_from(micros).ok().map(Timestamp::from_micros)
}

/// Parses only the form in which integers are written: `7`, but not `+7` or `07`.
pub(crate) fn parse_integer(text: &str) -> Option<i64> {
    text.parse().ok().filter(|number: &i64| number.to_string() == text)
}

pub(crate) fn uuid(raw: u128) -> String {
    Uuid::from_u128(raw).to_string()
}

/// Parses only the hyphenated form, in upper or lower case.
pub(crate) fn parse_uuid(text: &str) -> Option<u128> {
    const HYPHENATED_BYTES: usize = 36;
    let uuid = Uuid::try_parse(text).ok().filter(|_| text.len() == HYPHENATED_BYTES)?;
    Some(uuid.as_u128())
}

#[cfg(test)]
mod tests {
    use super::{parse_integer, parse_time, parse_uuid, time_text, uuid};
    use domain::Timestamp;

    #[test]
    fn times_are_written_in_utc_and_read_with_any_offset() {
        let at = Timestamp::from_micros(1_795_511_732_375_945);

        assert_eq!(time_text(at), "2026-11-24T09:15:32.375945Z");
        assert_eq!(parse_time(&time_text(at)), Some(at));
        assert_eq!(parse_time("2026-11-24T12:15:32.375945+03:00"), Some(at));
        assert_eq!(parse_time("yesterday"), None);
        assert_eq!(parse_time("9999-12-31T23:59:59-01:00"), None, "the year 10000 in UTC");
        assert_eq!(parse_time("0000-01-01T00:00:00+01:00"), None, "before the year 0 in UTC");
        assert_eq!(time_text(Timestamp::from_seconds(0)), "1970-01-01T00:00:00.000000Z");
    }

    #[test]
    fn uuids_are_read_and_written_in_hyphenated_form() {
        let text = "0190d1f0-0000-7abc-8def-0123456789ab";
        let raw = parse_uuid(text).unwrap();

        assert_eq!(uuid(raw), text);
        assert_eq!(parse_uuid(&text.to_uppercase()), Some(raw));
        for wrong in
            ["", "0190d1f000007abc8def0123456789ab", "0190d1f0-0000-7abc-8def-0123456789ag"]
        {
            assert_eq!(parse_uuid(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn integers_have_one_form() {
        for text in ["0", "7", "-1", "9223372036854775807"] {
            assert_eq!(parse_integer(text).map(|number| number.to_string()).as_deref(), Some(text));
        }
        for text in ["", "+1", "01", "-0", "1.0", "1e0", " 1", "0x1", "1_0", "9223372036854775808"]
        {
            assert_eq!(parse_integer(text), None, "{text}");
        }
    }

    #[test]
    fn fuzz_formats() {
        bolero::check!(name = "formats").with_iterations(256).for_each(|input: &[u8]| {
            let text = &*String::from_utf8_lossy(input);
            if let Some(at) = parse_time(text) {
                assert_eq!(parse_time(&time_text(at)), Some(at), "{}", time_text(at));
            }
            if let Some(number) = parse_integer(text) {
                assert_eq!(number.to_string(), text);
            }
            if let Some(raw) = parse_uuid(text) {
                assert!(uuid(raw).eq_ignore_ascii_case(text));
            }
        });
    }
}
