//! What proxies in front of this server say about the client.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderName, HeaderValue};
use ipnet::IpNet;

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The proxies whose word is taken; of anybody else it is not.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Those in any of these networks.
    #[must_use]
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        // A socket that takes both families shows IPv4 inside IPv6.
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// `http`, or `https` when a trusted proxy says that the client came so.
    pub(crate) fn scheme(&self, request: &HttpRequest) -> &'static str {
        let is_told = request.peer_addr().is_some_and(|peer| self.trusts(peer.ip()));
        let proto = request.headers().get(X_FORWARDED_PROTO).filter(|_| is_told);
        let proto = proto.map(HeaderValue::as_bytes).unwrap_or_default();
        // Each proxy of a chain adds its own; the first is nearest to the client.
        let first = proto.split(|byte| *byte == b',').next().unwrap_or_default().trim_ascii();
        if first.eq_ignore_ascii_case(b"https") { "https" } else { "http" }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::TrustedProxies;

    #[test]
    fn only_a_trusted_proxy_says_how_the_client_came() {
        let proxies = ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        let proxies = TrustedProxies::new(proxies.into());
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

            assert_eq!(got, want, "{peer} says {proto}");
        }
    }
}
