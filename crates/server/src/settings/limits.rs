//! How much a client may send, and how fast.

use std::{ops::RangeInclusive, time::Duration};

use application::{LimitRules, ports::Backoff, ports::Quota};

use super::reader::Reader;

/// How much a client may send, and how fast: section `[limits]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LimitSettings {
    /// Bytes of text in a message.
    pub(crate) message_bytes: usize,
    /// Characters of text in a message of v1.
    pub(crate) message_chars: usize,
    /// Bytes in the body of a request; not less than `message_bytes`.
    pub(crate) body_bytes: usize,
    /// Rates and counts; none are limited without.
    pub(crate) rules: Option<LimitRules>,
}

pub(super) fn read(reader: &mut Reader<'_>) -> Option<LimitSettings> {
    let enabled = reader.flag("limits.enabled");
    let message_bytes = reader.integer("limits.message_bytes", 1..=8 << 20);
    let message_chars = reader.integer("limits.message_chars", 1..=50_000);
    let body_bytes = reader.integer("limits.body_bytes", (5 << 20)..=(1 << 30));
    reader.at_least(("limits.body_bytes", &body_bytes), ("limits.message_bytes", &message_bytes));
    let rules = rules(reader);
    Some(LimitSettings {
        message_bytes: message_bytes?,
        message_chars: message_chars?,
        body_bytes: body_bytes?,
        rules: if enabled? { Some(rules?) } else { None },
    })
}

const COUNT: RangeInclusive<u64> = 1..=1_000_000;
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

fn rules(reader: &mut Reader<'_>) -> Option<LimitRules> {
    let credentials_by_address =
        quota(reader, "limits.credentials_per_minute", MINUTE, "limits.credentials_burst");
    let failed_sign_ins = failed_sign_ins(reader);
    let known_address = reader.integer("limits.known_address_days", 1..=365);
    let registrations_by_address =
        quota(reader, "limits.registrations_per_hour", HOUR, "limits.registrations_burst");
    let handshakes_by_address =
        quota(reader, "limits.handshakes_per_minute", MINUTE, "limits.handshakes_burst");
    let sockets_by_account = reader.integer("limits.sockets_per_account", COUNT);
    let sockets_by_address = reader.integer("limits.sockets_per_address", COUNT);
    let messages_by_account =
        quota(reader, "limits.messages_per_second", SECOND, "limits.messages_burst");
    let messages_by_conversation = quota(
        reader,
        "limits.conversation_messages_per_second",
        SECOND,
        "limits.conversation_messages_burst",
    );
    Some(LimitRules {
        credentials_by_address: credentials_by_address?,
        failed_sign_ins: failed_sign_ins?,
        known_address: HOUR * 24 * known_address?,
        registrations_by_address: registrations_by_address?,
        handshakes_by_address: handshakes_by_address?,
        sockets_by_address: sockets_by_address?,
        sockets_by_account: sockets_by_account?,
        messages_by_account: messages_by_account?,
        messages_by_conversation: messages_by_conversation?,
    })
}

fn quota(reader: &mut Reader<'_>, rate: &str, span: Duration, burst: &str) -> Option<Quota> {
    let rate = reader.integer(rate, COUNT);
    let burst = reader.integer(burst, COUNT);
    Some(Quota::new(rate?, span, burst?))
}

fn failed_sign_ins(reader: &mut Reader<'_>) -> Option<Backoff> {
    let free = reader.integer("limits.sign_in_free_failures", 1..=1_000);
    let longest = reader.seconds("limits.sign_in_longest_wait_s", 1..=86_400);
    let forgotten_after = reader.seconds("limits.sign_in_forget_s", 1..=604_800);
    Some(Backoff { free: free?, longest: longest?, forgotten_after: forgotten_after? })
}
