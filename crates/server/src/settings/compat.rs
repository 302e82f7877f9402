//! The face of the reference server.

use std::num::NonZeroUsize;

use time::{UtcOffset, format_description::StaticFormatDescription, macros::format_description};

use super::reader::Reader;

/// The face of the reference server: section `[compat]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CompatSettings {
    /// Newest messages in a history; `None` is all of them.
    pub(crate) history_limit: Option<NonZeroUsize>,
    /// Bytes in a history; `None` is no limit.
    pub(crate) history_bytes: Option<NonZeroUsize>,
    /// Whether a client that may have lost rows gets the history again.
    pub(crate) heal: bool,
    /// Whether many joins and leaves at once are told as one list.
    pub(crate) coalesce: bool,
    /// Offset of the times in answers.
    pub(crate) utc_offset: UtcOffset,
}

pub(super) fn read(reader: &mut Reader<'_>) -> Option<CompatSettings> {
    let history_limit = reader.integer("compat.history_limit", 0..=1_000_000);
    let history_bytes = reader.integer("compat.history_bytes", 0..=1 << 30);
    let heal = reader.flag("compat.heal");
    let coalesce = reader.flag("compat.coalesce");
    let utc_offset = reader.parsed("compat.utc_offset", |text| {
        utc_offset(text).ok_or("must be an offset from -12:00 to +14:00, such as +03:00")
    });
    Some(CompatSettings {
        history_limit: NonZeroUsize::new(history_limit?),
        history_bytes: NonZeroUsize::new(history_bytes?),
        heal: heal?,
        coalesce: coalesce?,
        utc_offset: utc_offset?,
    })
}

fn utc_offset(text: &str) -> Option<UtcOffset> {
    const FORM: StaticFormatDescription =
        format_description!("[offset_hour sign:mandatory]:[offset_minute]");
    let offset = UtcOffset::parse(text, FORM).ok()?;
    (-12 * 60..=14 * 60).contains(&offset.whole_minutes()).then_some(offset)
}

#[cfg(test)]
mod tests {
    use super::utc_offset;

    #[test]
    fn an_offset_has_a_sign_two_digits_and_two_digits() {
        let cases = [
            ("+03:00", Some(3 * 3600)),
            ("-09:30", Some(-(9 * 3600 + 1800))),
            ("+00:00", Some(0)),
            ("-00:30", Some(-1800)),
            ("+14:00", Some(14 * 3600)),
            ("+14:01", None),
            ("-12:30", None),
            ("+03:60", None),
            ("03:00", None),
            ("+3", None),
            ("Z", None),
        ];
        for (text, want) in cases {
            let got = utc_offset(text).map(time::UtcOffset::whole_seconds);
            assert_eq!(got, want, "case: {text}");
        }
    }
}
