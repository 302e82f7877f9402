//! The settings of the server.
//!
//! The `config` crate layers the sources ([`Sources`]), and serde reads the result into [`Settings`]. All mistakes are
//! reported together, each with the source of the value. All defaults are in `config/default.toml`.

mod aliases;
mod connection_url;
mod env_file;
pub(crate) mod exposure;
mod fields;
mod secret;
mod sources;

#[cfg(test)]
mod tests;

use std::{
    net::SocketAddr,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

use application::{LimitRules, ports::Backoff};
use ipnet::IpNet;
use serde::Deserialize;
use time::UtcOffset;

use self::fields::{
    Count, GIB, MIB, address, bus_url, flag, folder, integer, log_addresses, log_format, log_level,
    millis, networks, origins, profile, seconds, signing_key_if_set, storage_url, threads,
    unlimited_if_zero, utc_offset,
};
pub(crate) use self::{
    secret::{Secret, printable, signing_key},
    sources::{Mistake, Sources},
};

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Settings {
    #[serde(deserialize_with = "profile")]
    pub(crate) profile: Profile,
    #[serde(deserialize_with = "folder")]
    pub(crate) data_dir: PathBuf,
    pub(crate) http: HttpSettings,
    pub(crate) auth: AuthSettings,
    pub(crate) compat: CompatSettings,
    pub(crate) limits: LimitSettings,
    pub(crate) storage: StorageSettings,
    pub(crate) bus: BusSettings,
    pub(crate) log: LogSettings,
    pub(crate) socket: SocketSettings,
}

/// A set of defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Best for the React client.
    Default,
    /// Equals the reference server, frame for frame.
    Parity,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct HttpSettings {
    #[serde(deserialize_with = "address")]
    pub(crate) bind: SocketAddr,
    #[serde(deserialize_with = "threads::<1024, _>")]
    pub(crate) workers: NonZeroUsize,
    /// Proxies whose `X-Forwarded-*` headers are trusted.
    #[serde(deserialize_with = "networks")]
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// Origins whose pages may use v1.
    #[serde(deserialize_with = "origins")]
    pub(crate) allowed_origins: Vec<String>,
    /// For the whole process, not for one worker.
    #[serde(deserialize_with = "integer::<_, 1, 1_000_000, _>")]
    pub(crate) max_connections: usize,
    #[serde(rename = "header_timeout_ms", deserialize_with = "millis::<100, 300_000, _>")]
    pub(crate) header_timeout: Duration,
    /// Zero closes a connection after each request.
    #[serde(rename = "keep_alive_ms", deserialize_with = "millis::<0, 600_000, _>")]
    pub(crate) keep_alive: Duration,
    #[serde(rename = "shutdown_timeout_ms", deserialize_with = "millis::<0, 300_000, _>")]
    pub(crate) shutdown_timeout: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct AuthSettings {
    /// Signs tokens. `None` if the key is in the data folder.
    #[serde(deserialize_with = "signing_key_if_set")]
    pub(crate) secret: Option<Secret>,
    #[serde(rename = "access_ttl_s", deserialize_with = "seconds::<1, 31_536_000, _>")]
    pub(crate) access_ttl: Duration,
    /// Not less than `access_ttl`.
    #[serde(rename = "refresh_ttl_s", deserialize_with = "seconds::<1, 315_360_000, _>")]
    pub(crate) refresh_ttl: Duration,
    /// How long a session may last, however often it is used. Not less than `refresh_ttl`.
    #[serde(rename = "session_ttl_s", deserialize_with = "seconds::<1, 315_360_000, _>")]
    pub(crate) session_ttl: Duration,
    /// How long a rotated refresh token still gets its successor. With zero, a replay is refused but does not end the
    /// session.
    #[serde(rename = "refresh_grace_s", deserialize_with = "seconds::<0, 300, _>")]
    pub(crate) refresh_grace: Duration,
    #[serde(deserialize_with = "integer::<_, 4, 16, _>")]
    pub(crate) bcrypt_cost: u32,
    /// Whether names and addresses that differ in case or normal form belong to different accounts.
    #[serde(deserialize_with = "flag")]
    pub(crate) exact_names: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct CompatSettings {
    /// Newest messages in a history. `None` means all messages.
    #[serde(deserialize_with = "unlimited_if_zero::<1_000_000, _>")]
    pub(crate) history_limit: Option<NonZeroUsize>,
    #[serde(deserialize_with = "unlimited_if_zero::<GIB, _>")]
    pub(crate) history_bytes: Option<NonZeroUsize>,
    /// Whether to resend the history to clients that may have lost rows.
    #[serde(deserialize_with = "flag")]
    pub(crate) heal: bool,
    /// Whether to combine many joins and leaves into one list.
    #[serde(deserialize_with = "flag")]
    pub(crate) coalesce: bool,
    /// More than `socket.ping_interval`.
    #[serde(rename = "pong_timeout_s", deserialize_with = "seconds::<1, 7_200, _>")]
    pub(crate) pong_timeout: Duration,
    #[serde(rename = "stall_timeout_s", deserialize_with = "seconds::<1, 3_600, _>")]
    pub(crate) stall_timeout: Duration,
    /// Offset of the times in answers.
    #[serde(deserialize_with = "utc_offset")]
    pub(crate) utc_offset: UtcOffset,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "LimitsSection")]
pub(crate) struct LimitSettings {
    /// Bytes of text in a message.
    pub(crate) message_bytes: usize,
    /// Characters of text in a message of v1.
    pub(crate) message_chars: usize,
    /// Not less than `message_bytes`.
    pub(crate) body_bytes: usize,
    /// `None` means any number.
    pub(crate) connections_per_address: Option<usize>,
    /// Rates and counts. `None` means no limits.
    pub(crate) rules: Option<LimitRules>,
}

/// The section `[limits]` in its written form.
#[derive(Deserialize)]
struct LimitsSection {
    #[serde(deserialize_with = "flag")]
    enabled: bool,
    #[serde(deserialize_with = "integer::<_, 1, { 8 * MIB }, _>")]
    message_bytes: usize,
    #[serde(deserialize_with = "integer::<_, 1, 50_000, _>")]
    message_chars: usize,
    #[serde(deserialize_with = "integer::<_, { 5 * MIB }, GIB, _>")]
    body_bytes: usize,
    credentials_per_minute: Count,
    credentials_burst: Count,
    #[serde(deserialize_with = "integer::<_, 1, 1_000, _>")]
    sign_in_free_failures: u32,
    #[serde(deserialize_with = "seconds::<1, 86_400, _>")]
    sign_in_longest_wait_s: Duration,
    #[serde(deserialize_with = "seconds::<1, 604_800, _>")]
    sign_in_forget_s: Duration,
    sign_in_new_addresses_per_hour: Count,
    sign_in_new_addresses_burst: Count,
    #[serde(deserialize_with = "integer::<_, 1, 365, _>")]
    known_address_days: u32,
    registrations_per_hour: Count,
    registrations_burst: Count,
    #[serde(deserialize_with = "integer::<_, 1, 1_000_000, _>")]
    connections_per_address: usize,
    handshakes_per_minute: Count,
    handshakes_burst: Count,
    #[serde(deserialize_with = "integer::<_, 1, 1_000_000, _>")]
    sockets_per_account: usize,
    #[serde(deserialize_with = "integer::<_, 1, 1_000_000, _>")]
    sockets_per_address: usize,
    reads_per_second: Count,
    reads_burst: Count,
    address_reads_per_second: Count,
    address_reads_burst: Count,
    #[serde(deserialize_with = "integer::<_, 1, 1_000_000, _>")]
    open_reads_per_account: usize,
    #[serde(deserialize_with = "integer::<_, 1, 1_000_000, _>")]
    open_reads_per_address: usize,
    messages_per_second: Count,
    messages_burst: Count,
    conversation_messages_per_second: Count,
    conversation_messages_burst: Count,
    text_kib_per_second: Count,
    text_kib_burst: Count,
    text_kib_per_day: Count,
}

impl From<LimitsSection> for LimitSettings {
    fn from(raw: LimitsSection) -> Self {
        let (second, minute, hour) =
            (Duration::from_secs(1), Duration::from_mins(1), Duration::from_hours(1));
        let rules = LimitRules {
            credentials_by_address: raw.credentials_per_minute.per(minute, raw.credentials_burst),
            failed_sign_ins: Backoff {
                free: raw.sign_in_free_failures,
                longest: raw.sign_in_longest_wait_s,
                forgotten_after: raw.sign_in_forget_s,
            },
            sign_ins_from_new_addresses: raw
                .sign_in_new_addresses_per_hour
                .per(hour, raw.sign_in_new_addresses_burst),
            known_address: hour * 24 * raw.known_address_days,
            registrations_by_address: raw.registrations_per_hour.per(hour, raw.registrations_burst),
            handshakes_by_address: raw.handshakes_per_minute.per(minute, raw.handshakes_burst),
            sockets_by_address: raw.sockets_per_address,
            sockets_by_account: raw.sockets_per_account,
            reads_by_account: raw.reads_per_second.per(second, raw.reads_burst),
            reads_by_address: raw.address_reads_per_second.per(second, raw.address_reads_burst),
            open_reads_by_account: raw.open_reads_per_account,
            open_reads_by_address: raw.open_reads_per_address,
            messages_by_account: raw.messages_per_second.per(second, raw.messages_burst),
            messages_by_conversation: raw
                .conversation_messages_per_second
                .per(second, raw.conversation_messages_burst),
            text_by_account: raw.text_kib_per_second.per(second, raw.text_kib_burst),
            daily_text_by_account: raw.text_kib_per_day.per(24 * hour, raw.text_kib_per_day),
        };
        Self {
            message_bytes: raw.message_bytes,
            message_chars: raw.message_chars,
            body_bytes: raw.body_bytes,
            connections_per_address: raw.enabled.then_some(raw.connections_per_address),
            rules: raw.enabled.then_some(rules),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct StorageSettings {
    #[serde(deserialize_with = "storage_url")]
    pub(crate) url: StorageUrl,
    /// PostgreSQL connections of this node.
    #[serde(deserialize_with = "integer::<_, 1, 1_000, _>")]
    pub(crate) connections: usize,
    /// Read-only SQLite connections.
    #[serde(deserialize_with = "threads::<64, _>")]
    pub(crate) readers: NonZeroUsize,
    /// How long erased texts may remain in the log of SQLite.
    #[serde(rename = "erase_after_s", deserialize_with = "seconds::<1, 3_600, _>")]
    pub(crate) erase_after: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StorageUrl {
    /// The path of the file.
    Sqlite(PathBuf),
    /// The URL, which may contain a password.
    Postgres(Secret),
}

impl StorageUrl {
    /// Replaces an empty path, from an empty `storage.url`, by the database in the data folder.
    fn resolve(&mut self, data_dir: &Path) {
        if let Self::Sqlite(file) = self
            && file.as_os_str().is_empty()
        {
            *file = data_dir.join("chat.sqlite3");
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct BusSettings {
    /// The URL of Redis, which may contain a password. `None` if this process is the only node.
    #[serde(deserialize_with = "bus_url")]
    pub(crate) redis_url: Option<Secret>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct LogSettings {
    #[serde(deserialize_with = "log_format")]
    pub(crate) format: LogFormat,
    /// Valid directives of [`tracing_subscriber::EnvFilter`].
    #[serde(deserialize_with = "log_level")]
    pub(crate) level: String,
    /// Of clients, in security events.
    #[serde(deserialize_with = "log_addresses")]
    pub(crate) addresses: LogAddresses,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Human,
    /// One object per line.
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogAddresses {
    Hashed,
    Plain,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct SocketSettings {
    #[serde(rename = "ping_interval_s", deserialize_with = "seconds::<1, 3_600, _>")]
    pub(crate) ping_interval: Duration,
    /// More than `ping_interval`.
    #[serde(rename = "pong_timeout_s", deserialize_with = "seconds::<1, 7_200, _>")]
    pub(crate) pong_timeout: Duration,
    /// Above this, ephemeral events are omitted.
    #[serde(deserialize_with = "integer::<_, 4_096, GIB, _>")]
    pub(crate) queue_soft_bytes: usize,
    /// Above this, the client gets a fresh read in place of events. Not less than `queue_soft_bytes`.
    #[serde(deserialize_with = "integer::<_, 4_096, GIB, _>")]
    pub(crate) queue_hard_bytes: usize,
    #[serde(rename = "stall_timeout_s", deserialize_with = "seconds::<1, 3_600, _>")]
    pub(crate) stall_timeout: Duration,
    /// For all sockets together. Not less than `queue_hard_bytes`.
    #[serde(deserialize_with = "integer::<_, 4_096, { 1024 * GIB }, _>")]
    pub(crate) budget_bytes: usize,
}

impl Settings {
    /// The broken rules between two settings: the key, the other key, and the rule. `text` returns the written value
    /// of a key.
    fn contradictions(&self, text: impl Fn(&str) -> String) -> Vec<(&str, &str, String)> {
        let Self { auth, compat, limits, socket, storage, .. } = self;
        let at_least = |key, floor| {
            (key, floor, format!("must not be less than {floor}, which is {}", text(floor)))
        };
        let mut found = Vec::new();
        if auth.refresh_ttl < auth.access_ttl {
            found.push(at_least("auth.refresh_ttl_s", "auth.access_ttl_s"));
        }
        if auth.session_ttl < auth.refresh_ttl {
            found.push(at_least("auth.session_ttl_s", "auth.refresh_ttl_s"));
        }
        if limits.body_bytes < limits.message_bytes {
            found.push(at_least("limits.body_bytes", "limits.message_bytes"));
        }
        if socket.queue_hard_bytes < socket.queue_soft_bytes {
            found.push(at_least("socket.queue_hard_bytes", "socket.queue_soft_bytes"));
        }
        if socket.budget_bytes < socket.queue_hard_bytes {
            found.push(at_least("socket.budget_bytes", "socket.queue_hard_bytes"));
        }
        let pong_timeouts = [
            ("compat.pong_timeout_s", compat.pong_timeout),
            ("socket.pong_timeout_s", socket.pong_timeout),
        ];
        for (key, pong_timeout) in pong_timeouts {
            if pong_timeout <= socket.ping_interval {
                let other = "socket.ping_interval_s";
                found.push((key, other, format!("must be more than {other}")));
            }
        }
        if matches!(storage.url, StorageUrl::Postgres(_)) && auth.secret.is_none() {
            let rule = "must be set with PostgreSQL: every node signs with the same key";
            found.push(("auth.secret", "storage.url", rule.to_owned()));
        }
        found
    }
}
