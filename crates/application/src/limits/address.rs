use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// A client's address. IPv6 counts by its /64 network, because a client controls all addresses in
/// it. Never printed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(u128);

impl ClientAddress {
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.to_ipv6_mapped().to_bits()),
            IpAddr::V6(address) => Self(address.to_bits() & !u128::from(u64::MAX)),
        }
    }

    /// All clients without a known address share this one.
    #[must_use]
    pub fn unknown() -> Self {
        Self::of(Ipv6Addr::UNSPECIFIED.into())
    }

    /// In the IPv4-mapped range, or with the low half zero.
    pub(super) fn number(self) -> u128 {
        self.0
    }
}

impl fmt::Debug for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientAddress(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::ClientAddress;

    #[test]
    fn addresses_of_one_network_count_as_one_client() {
        let cases = [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.2", false),
            ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("::1", "127.0.0.1", false),
        ];
        for (one, other, want) in cases {
            let [a, b] = [one, other].map(|text| ClientAddress::of(text.parse().unwrap()));
            assert_eq!(a == b, want, "{one} and {other}");
        }
    }
}
