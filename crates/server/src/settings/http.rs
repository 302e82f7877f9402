//! How the server listens.

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroUsize,
    time::Duration,
};

use ipnet::IpNet;

use super::reader::Reader;

/// How the server listens: section `[http]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpSettings {
    pub(crate) bind: SocketAddr,
    pub(crate) workers: NonZeroUsize,
    /// Proxies whose word about the client is taken.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// Origins whose pages may use v1.
    pub(crate) allowed_origins: Vec<String>,
    /// Connections in the whole process, not in one worker.
    pub(crate) max_connections: usize,
    pub(crate) header_timeout: Duration,
    /// How long an idle connection is kept; zero closes it after each request.
    pub(crate) keep_alive: Duration,
    pub(crate) shutdown_timeout: Duration,
}

const MAX_PROXIES: usize = 256;
const MAX_ORIGINS: usize = 256;

pub(super) fn read(reader: &mut Reader<'_>) -> Option<HttpSettings> {
    let bind = reader.parsed("http.bind", |text| {
        text.parse().map_err(|_| "must be an address and a port, such as 127.0.0.1:8000")
    });
    let workers = reader.threads("http.workers", 1024);
    let trusted_proxies = reader.parsed("http.trusted_proxies", networks);
    let allowed_origins = reader.parsed("http.allowed_origins", origins);
    let max_connections = reader.integer("http.max_connections", 1..=1_000_000);
    let header_timeout = reader.millis("http.header_timeout_ms", 100..=300_000);
    let keep_alive = reader.millis("http.keep_alive_ms", 0..=600_000);
    let shutdown_timeout = reader.millis("http.shutdown_timeout_ms", 0..=300_000);
    Some(HttpSettings {
        bind: bind?,
        workers: workers?,
        trusted_proxies: trusted_proxies?,
        allowed_origins: allowed_origins?,
        max_connections: max_connections?,
        header_timeout: header_timeout?,
        keep_alive: keep_alive?,
        shutdown_timeout: shutdown_timeout?,
    })
}

/// Addresses and networks, between commas.
fn networks(text: &str) -> Result<Vec<IpNet>, String> {
    let items: Vec<&str> = text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
    if items.len() > MAX_PROXIES {
        return Err(format!("must hold at most {MAX_PROXIES} addresses"));
    }
    items
        .into_iter()
        .map(|item| {
            item.parse::<IpNet>().or_else(|_| item.parse::<IpAddr>().map(IpNet::from)).map_err(
                |_| {
                    format!(
                        "must hold addresses or networks such as 10.0.0.0/8; {item:?} is neither"
                    )
                },
            )
        })
        .collect()
}

/// Origins, between commas, as browsers send them (RFC 6454).
fn origins(text: &str) -> Result<Vec<String>, String> {
    let items: Vec<&str> = text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
    if items.len() > MAX_ORIGINS {
        return Err(format!("must hold at most {MAX_ORIGINS} origins"));
    }
    let is_origin = |item: &str| {
        let host = item.strip_prefix("https://").or_else(|| item.strip_prefix("http://"));
        let is_host_byte =
            |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b':' | b'[' | b']');
        host.is_some_and(|host| !host.is_empty() && host.bytes().all(is_host_byte))
    };
    let origin = |item: &str| {
        is_origin(item).then(|| item.to_owned()).ok_or_else(|| {
            format!("must hold origins such as https://chat.example.com; {item:?} is none")
        })
    };
    items.into_iter().map(origin).collect()
}

#[cfg(test)]
mod tests {
    use super::{networks, origins};

    #[test]
    fn origins_are_a_scheme_and_a_host_and_nothing_else() {
        let two = origins("https://chat.example.com, http://localhost:5173");

        assert_eq!(two.unwrap(), ["https://chat.example.com", "http://localhost:5173"]);
        assert_eq!(origins(""), Ok(Vec::new()));
        for wrong in ["*", "chat.example.com", "https://a/", "https://A", "https://"] {
            assert!(origins(wrong).is_err_and(|rule| rule.contains(wrong)), "case: {wrong}");
        }
    }

    #[test]
    fn proxies_are_addresses_or_networks_of_either_family() {
        let got = networks(" 10.0.0.0/8,127.0.0.1, ::1 ,fd00::/8,")
            .map(|networks| networks.iter().map(ToString::to_string).collect::<Vec<_>>());

        let want = ["10.0.0.0/8", "127.0.0.1/32", "::1/128", "fd00::/8"];
        assert_eq!(got, Ok(want.map(str::to_owned).to_vec()));
    }

    #[test]
    fn anything_else_among_the_proxies_is_refused_by_itself() {
        for wrong in ["10.0.0.0/33", "localhost", "10.0.0", "127.0.0.1:80"] {
            let got = networks(&format!("127.0.0.1,{wrong}"));
            assert!(got.is_err_and(|rule| rule.contains(wrong)), "case: {wrong}");
        }
    }
}
