//! How much a client may send.

use super::reader::Reader;

/// How much a client may send: section `[limits]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LimitSettings {
    /// Bytes of text in a message.
    pub(crate) message_bytes: usize,
    /// Bytes in the body of a request; not less than `message_bytes`.
    pub(crate) body_bytes: usize,
}

pub(super) fn read(reader: &mut Reader<'_>) -> Option<LimitSettings> {
    // Rates and counts are not limited yet; the name is there for scripts that switch them off.
    reader.flag("limits.enabled");
    let message_bytes = reader.integer("limits.message_bytes", 1..=8 << 20);
    let body_bytes = reader.integer("limits.body_bytes", (5 << 20)..=(1 << 30));
    reader.at_least(("limits.body_bytes", &body_bytes), ("limits.message_bytes", &message_bytes));
    Some(LimitSettings { message_bytes: message_bytes?, body_bytes: body_bytes? })
}
