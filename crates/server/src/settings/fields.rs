//! Parses each kind of setting. Each error is the broken rule, phrased to follow the name of the setting.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    num::NonZeroUsize,
    path::PathBuf,
    thread,
    time::Duration,
};

use ::config::{Value, ValueKind};
use application::ports::Quota;
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, de::Error as _};
use time::{UtcOffset, format_description::StaticFormatDescription, macros::format_description};
use tracing_subscriber::EnvFilter;

use super::{
    LogAddresses, LogFormat, Profile, Secret, StorageUrl, connection_url::ConnectionUrl,
    signing_key,
};

pub(super) const MIB: u64 = 1 << 20;
pub(super) const GIB: u64 = 1 << 30;

/// Entries in one list.
const MAX_ITEMS: usize = 256;

/// The text of a variable that sets the same value.
pub(super) fn text_of(kind: &ValueKind) -> String {
    match kind {
        ValueKind::String(text) => text.clone(),
        ValueKind::Array(items) => {
            items.iter().map(|item| text_of(&item.kind)).collect::<Vec<_>>().join(",")
        }
        other => other.to_string(),
    }
}

fn parsed<'de, D: Deserializer<'de>, T, R: fmt::Display>(
    deserializer: D,
    parse: impl FnOnce(&str) -> Result<T, R>,
) -> Result<T, D::Error> {
    parse(&text_of(&Value::deserialize(deserializer)?.kind)).map_err(D::Error::custom)
}

/// A whole number from `MIN` to `MAX`.
pub(super) fn integer<'de, T, const MIN: u64, const MAX: u64, D>(from: D) -> Result<T, D::Error>
where
    T: TryFrom<u64>,
    D: Deserializer<'de>,
{
    parsed(from, |text| {
        let number = text.trim().parse().ok().filter(|number| (MIN..=MAX).contains(number));
        number
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| format!("must be a whole number from {MIN} to {MAX}"))
    })
}

/// Zero means the number of cores.
pub(super) fn threads<'de, const MAX: u64, D>(from: D) -> Result<NonZeroUsize, D::Error>
where
    D: Deserializer<'de>,
{
    let cores = || thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    Ok(unlimited_if_zero::<MAX, D>(from)?.unwrap_or_else(cores))
}

pub(super) fn unlimited_if_zero<'de, const MAX: u64, D>(
    from: D,
) -> Result<Option<NonZeroUsize>, D::Error>
where
    D: Deserializer<'de>,
{
    integer::<usize, 0, MAX, D>(from).map(NonZeroUsize::new)
}

pub(super) fn seconds<'de, const MIN: u64, const MAX: u64, D>(from: D) -> Result<Duration, D::Error>
where
    D: Deserializer<'de>,
{
    integer::<u64, MIN, MAX, D>(from).map(Duration::from_secs)
}

pub(super) fn millis<'de, const MIN: u64, const MAX: u64, D>(from: D) -> Result<Duration, D::Error>
where
    D: Deserializer<'de>,
{
    integer::<u64, MIN, MAX, D>(from).map(Duration::from_millis)
}

/// A rate or a burst.
#[derive(Clone, Copy, Deserialize)]
#[serde(transparent)]
pub(super) struct Count(#[serde(deserialize_with = "integer::<_, 1, 1_000_000, _>")] u32);

impl Count {
    pub(super) fn per(self, span: Duration, burst: Self) -> Quota {
        Quota::new(self.0, span, burst.0)
    }
}

/// `true` or `false`, in any common spelling.
pub(super) fn flag<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    parsed(from, |text| parse_flag(text).ok_or("must be true or false"))
}

pub(super) fn parse_flag(text: &str) -> Option<bool> {
    match text.trim().to_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

pub(super) fn profile<'de, D: Deserializer<'de>>(from: D) -> Result<Profile, D::Error> {
    parsed(from, |text| match text {
        "default" => Ok(Profile::Default),
        "parity" => Ok(Profile::Parity),
        _ => Err("must be \"default\" or \"parity\""),
    })
}

pub(super) fn log_format<'de, D: Deserializer<'de>>(from: D) -> Result<LogFormat, D::Error> {
    parsed(from, |text| match text {
        "human" => Ok(LogFormat::Human),
        "json" => Ok(LogFormat::Json),
        _ => Err("must be \"human\" or \"json\""),
    })
}

pub(super) fn log_addresses<'de, D: Deserializer<'de>>(from: D) -> Result<LogAddresses, D::Error> {
    parsed(from, |text| match text {
        "hashed" => Ok(LogAddresses::Hashed),
        "plain" => Ok(LogAddresses::Plain),
        _ => Err("must be \"hashed\" or \"plain\""),
    })
}

pub(super) fn folder<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
    parsed(from, |text| match text {
        "" => Err("must name a folder"),
        path => Ok(PathBuf::from(path)),
    })
}

pub(super) fn address<'de, D: Deserializer<'de>>(from: D) -> Result<SocketAddr, D::Error> {
    parsed(from, |text| {
        text.parse().map_err(|_| "must be an address and a port, such as 127.0.0.1:8000")
    })
}

pub(super) fn signing_key_if_set<'de, D>(from: D) -> Result<Option<Secret>, D::Error>
where
    D: Deserializer<'de>,
{
    parsed(from, |text| if text.is_empty() { Ok(None) } else { signing_key(text).map(Some) })
}

/// An empty text becomes [`StorageUrl::Sqlite`] with an empty path.
pub(super) fn storage_url<'de, D: Deserializer<'de>>(from: D) -> Result<StorageUrl, D::Error> {
    parsed(from, |text| match ConnectionUrl::parse(text)? {
        ConnectionUrl::Unset => Ok(StorageUrl::Sqlite(PathBuf::new())),
        ConnectionUrl::Sqlite(path) => Ok(StorageUrl::Sqlite(path)),
        ConnectionUrl::Postgres(_) => Ok(StorageUrl::Postgres(Secret::new(text))),
        ConnectionUrl::Redis(_) => Err("names a Redis, which stores no data; see bus.redis_url"),
    })
}

pub(super) fn bus_url<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Secret>, D::Error> {
    parsed(from, |text| match ConnectionUrl::parse(text) {
        Ok(ConnectionUrl::Unset) => Ok(None),
        Ok(ConnectionUrl::Redis(_)) => Ok(Some(Secret::new(text))),
        _ => Err("must be `redis://host` or `rediss://host`"),
    })
}

/// Stricter than [`EnvFilter`], which takes a misspelt level for a module.
pub(super) fn log_level<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
    let is_directive = |text: &str| {
        let level = text.rsplit_once('=').map_or(text, |(_module, level)| level);
        LEVELS.contains(&level.trim().to_lowercase().as_str())
    };
    parsed(from, |text| {
        if text.split(',').all(is_directive) && EnvFilter::builder().parse(text).is_ok() {
            Ok(text.to_owned())
        } else {
            Err("must be error, warn, info, debug, trace or off, or such as info,messaging=debug")
        }
    })
}

pub(super) fn utc_offset<'de, D: Deserializer<'de>>(from: D) -> Result<UtcOffset, D::Error> {
    parsed(from, |text| {
        parse_utc_offset(text).ok_or("must be an offset from -12:00 to +14:00, such as +03:00")
    })
}

fn parse_utc_offset(text: &str) -> Option<UtcOffset> {
    const FORM: StaticFormatDescription =
        format_description!("[offset_hour sign:mandatory]:[offset_minute]");
    let offset = UtcOffset::parse(text, FORM).ok()?;
    (-12 * 60..=14 * 60).contains(&offset.whole_minutes()).then_some(offset)
}

pub(super) fn networks<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<IpNet>, D::Error> {
    parsed(from, |text| list(text, "addresses or networks such as 10.0.0.0/8", parse_network))
}

pub(super) fn origins<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    parsed(from, |text| list(text, "origins such as https://chat.example.com", parse_origin))
}

/// Parses a comma-separated list.
fn list<T>(text: &str, what: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, String> {
    let items: Vec<&str> = text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
    if items.len() > MAX_ITEMS {
        return Err(format!("must hold at most {MAX_ITEMS} items"));
    }
    items
        .into_iter()
        .map(|item| parse(item).ok_or_else(|| format!("must hold {what}, not {item:?}")))
        .collect()
}

fn parse_network(item: &str) -> Option<IpNet> {
    item.parse().or_else(|_| item.parse::<IpAddr>().map(IpNet::from)).ok()
}

/// A scheme and a host, as browsers send them (RFC 6454).
fn parse_origin(item: &str) -> Option<String> {
    let host = item.strip_prefix("https://").or_else(|| item.strip_prefix("http://"))?;
    let is_host_byte =
        |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b':' | b'[' | b']');
    (!host.is_empty() && host.bytes().all(is_host_byte)).then(|| item.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{list, parse_network, parse_origin, parse_utc_offset};

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
            let got = parse_utc_offset(text).map(time::UtcOffset::whole_seconds);
            assert_eq!(got, want, "case: {text}");
        }
    }

    #[test]
    fn origins_are_a_scheme_and_a_host_and_nothing_else() {
        let origins = |text: &str| list(text, "origins", parse_origin);
        let two = origins("https://chat.example.com, http://localhost:5173");

        assert_eq!(two.unwrap(), ["https://chat.example.com", "http://localhost:5173"]);
        assert_eq!(origins(""), Ok(Vec::new()));
        for wrong in ["*", "chat.example.com", "https://a/", "https://A", "https://"] {
            assert!(origins(wrong).is_err_and(|rule| rule.contains(wrong)), "case: {wrong}");
        }
    }

    #[test]
    fn proxies_are_addresses_or_networks_of_either_family() {
        let got = list(" 10.0.0.0/8,127.0.0.1, ::1 ,fd00::/8,", "networks", parse_network)
            .map(|networks| networks.iter().map(ToString::to_string).collect::<Vec<_>>());

        let want = ["10.0.0.0/8", "127.0.0.1/32", "::1/128", "fd00::/8"];
        assert_eq!(got, Ok(want.map(str::to_owned).to_vec()));
    }

    #[test]
    fn an_invalid_network_is_reported() {
        for wrong in ["10.0.0.0/33", "localhost", "10.0.0", "127.0.0.1:80"] {
            let got = list(&format!("127.0.0.1,{wrong}"), "networks", parse_network);
            assert!(got.is_err_and(|rule| rule.contains(wrong)), "case: {wrong}");
        }
    }

    #[test]
    fn lists_have_a_maximum_length() {
        let got = list(&"::1,".repeat(257), "networks", parse_network);

        assert_eq!(got, Err("must hold at most 256 items".to_owned()));
    }
}
