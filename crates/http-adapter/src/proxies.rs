//! The address and scheme of the client behind proxies.

use std::net::{IpAddr, SocketAddr};
use std::sync::Once;

use actix_web::HttpRequest;
use actix_web::http::header::{
    HeaderName, HeaderValue, STRICT_TRANSPORT_SECURITY, X_FORWARDED_FOR,
};
use application::ClientAddress;
use ipnet::IpNet;

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Makes browsers use HTTPS only, for a year. Other hosts of the domain are up to its owner.
const HTTPS_ONLY: (HeaderName, HeaderValue) =
    (STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));

/// The networks of proxies whose `X-Forwarded-*` headers are trusted.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    #[must_use]
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        // A dual-stack listener shows IPv4 addresses inside IPv6.
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// `https` if a trusted proxy says so, else `http`.
    pub(crate) fn scheme(&self, request: &HttpRequest) -> &'static str {
        let can_see_change = request.peer_addr().is_some_and(|peer| self.trusts(peer.ip()));
        let proto = request.headers().get(X_FORWARDED_PROTO).filter(|_| can_see_change);
        let proto = proto.map(HeaderValue::as_bytes).unwrap_or_default();
        // Each proxy appends a value, so the first is nearest to the client.
        let first = proto.split(|byte| *byte == b',').next().unwrap_or_default().trim_ascii();
        if first.eq_ignore_ascii_case(b"https") { "https" } else { "http" }
    }

    /// The header `Strict-Transport-Security`, for requests that came over HTTPS. Browsers ignore it on others.
    pub(crate) fn https_only(&self, request: &HttpRequest) -> Option<(HeaderName, HeaderValue)> {
        (self.scheme(request) == "https").then_some(HTTPS_ONLY)
    }

    /// The address of the client: from the right of `X-Forwarded-For`, the first address that is
    /// not a trusted proxy. Each proxy appends its peer, so the client cannot forge the result. An
    /// invalid entry ends the search at the previous address.
    pub(crate) fn client(&self, request: &HttpRequest) -> ClientAddress {
        let Some(peer) = request.peer_addr() else { return ClientAddress::unknown() };
        let mut client = peer.ip();
        let lines: Vec<&HeaderValue> = request.headers().get_all(X_FORWARDED_FOR).collect();
        if !self.trusts(client) {
            if !lines.is_empty() && is_near(client) {
                warn_of_untrusted_proxy();
            }
            return ClientAddress::of(client);
        }
        // A header that is not ASCII is not an address.
        let lines = lines.into_iter().rev().map(|line| line.to_str().unwrap_or_default());
        for text in lines.flat_map(|line| line.rsplit(',')) {
            let Some(address) = parse(text) else { break };
            client = address;
            if !self.trusts(client) {
                break;
            }
        }
        ClientAddress::of(client)
    }
}

/// Proxies write addresses alone, in brackets, or with a port.
fn parse(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let alone = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = alone.parse().ok();
    address.or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()))
}

/// Whether the address is local or private, and therefore probably a proxy.
fn is_near(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    }
}

/// Warns once per process.
fn warn_of_untrusted_proxy() {
    static WARNED: Once = Once::new();
    WARNED.call_once(|| {
        tracing::warn!(
            "a proxy sends X-Forwarded-For, but is not in http.trusted_proxies: all clients \
             behind it share the limits of one address; add its network to the setting"
        );
    });
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use actix_web::test::TestRequest;

    use super::{ClientAddress, TrustedProxies};

    fn proxies() -> TrustedProxies {
        let networks = ["10.0.0.0/8", "::1/128", "fd00::/8"];
        TrustedProxies::new(networks.map(|network| network.parse().unwrap()).into())
    }

    #[test]
    fn the_client_is_the_last_untrusted_address() {
        let cases: [(&str, &[&str], &str); 21] = [
            // Only listed networks are trusted.
            ("192.0.2.9:1", &[], "192.0.2.9"),
            ("192.0.2.9:1", &["198.51.100.1"], "192.0.2.9"),
            ("127.0.0.1:1", &["198.51.100.1"], "127.0.0.1"),
            // One proxy.
            ("10.0.0.1:1", &[], "10.0.0.1"),
            ("10.0.0.1:1", &["198.51.100.1"], "198.51.100.1"),
            ("[::ffff:10.0.0.1]:1", &["198.51.100.1"], "198.51.100.1"),
            ("[::1]:1", &["2001:db8::1"], "2001:db8::1"),
            // Forged entries are on the left.
            ("10.0.0.1:1", &["203.0.113.7, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1:1", &["10.0.0.7, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1:1", &["203.0.113.7", "198.51.100.1"], "198.51.100.1"),
            // A chain of proxies.
            ("10.0.0.1:1", &["198.51.100.1, 10.0.0.3,10.0.0.2"], "198.51.100.1"),
            ("10.0.0.1:1", &["203.0.113.7, 198.51.100.1", "fd00::2", "10.0.0.2"], "198.51.100.1"),
            ("10.0.0.1:1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            // An entry that is not an address ends the search.
            ("10.0.0.1:1", &["198.51.100.1, unknown"], "10.0.0.1"),
            ("10.0.0.1:1", &["198.51.100.1, unknown, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1:1", &["198.51.100.1, ,"], "10.0.0.1"),
            ("10.0.0.1:1", &[""], "10.0.0.1"),
            ("10.0.0.1:1", &["198.51.100.1", "\u{fc}"], "10.0.0.1"),
            // Other forms of addresses.
            ("10.0.0.1:1", &["198.51.100.1:4711"], "198.51.100.1"),
            ("10.0.0.1:1", &["[2001:db8::1]"], "2001:db8::1"),
            ("10.0.0.1:1", &["[2001:db8::1]:4711"], "2001:db8::1"),
        ];

        for (peer, forwarded, want) in cases {
            let mut request = TestRequest::default().peer_addr(peer.parse().unwrap());
            for line in forwarded {
                request = request.append_header(("x-forwarded-for", *line));
            }
            let request = request.insert_header(("forwarded", "for=203.0.113.250"));

            let got = proxies().client(&request.to_http_request());

            let want = ClientAddress::of(want.parse::<IpAddr>().unwrap());
            assert!(got == want, "{peer} forwards {forwarded:?}");
        }
    }

    #[test]
    fn clients_without_a_peer_address_share_one() {
        let request = TestRequest::default().insert_header(("x-forwarded-for", "198.51.100.1"));

        let got = proxies().client(&request.to_http_request());

        assert_eq!(got, ClientAddress::unknown());
    }

    #[test]
    fn only_trusted_proxies_set_the_scheme() {
        let proxies = proxies();
        let cases = [
            ("10.1.2.3:80", "https", "https"),
            ("10.1.2.3:80", "HTTPS , http", "https"),
            ("[::ffff:10.1.2.3]:80", "https", "https"),
            ("[::1]:80", "https", "https"),
            ("10.1.2.3:80", "javascript", "http"),
            ("10.1.2.3:80", "", "http"),
            ("11.1.2.3:80", "https", "http"),
        ];

        for (peer, proto, want) in cases {
            let request = TestRequest::default()
                .peer_addr(peer.parse().unwrap())
                .insert_header(("x-forwarded-proto", proto))
                .insert_header(("forwarded", "proto=https"));

            let got = proxies.scheme(&request.to_http_request());

            assert_eq!(got, want, "{peer} sends {proto}");
        }
    }
}
