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
    /// Connections in the whole process, not in one worker.
    pub(crate) max_connections: usize,
    pub(crate) header_timeout: Duration,
    /// How long an idle connection is kept; zero closes it after each request.
    pub(crate) keep_alive: Duration,
    pub(crate) shutdown_timeout: Duration,
}

const MAX_PROXIES: usize = 256;

pub(super) fn read(reader: &mut Reader<'_>) -> Option<HttpSettings> {
    let bind = reader.parsed("http.bind", |text| {
        text.parse().map_err(|_| "must be an address and a port, such as 127.0.0.1:8000")
    });
    let workers = reader.threads("http.workers", 1024);
    let trusted_proxies = reader.parsed("http.trusted_proxies", networks);
    let max_connections = reader.integer("http.max_connections", 1..=1_000_000);
    let header_timeout = reader.millis("http.header_timeout_ms", 100..=300_000);
    let keep_alive = reader.millis("http.keep_alive_ms", 0..=600_000);
    let shutdown_timeout = reader.millis("http.shutdown_timeout_ms", 0..=300_000);
    Some(HttpSettings {
        bind: bind?,
        workers: workers?,
        trusted_proxies: trusted_proxies?,
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

#[cfg(test)]
mod tests {
    use super::networks;

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
