//! Counts open connections: in all, and those of plain HTTP by address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use application::{ClientAddress, ClientNetwork};

use crate::proxies::TrustedProxies;

/// How many connections may be open at the same time. Shared by all workers.
#[derive(Debug, Clone)]
pub struct ConnectionLimits(Arc<Limits>);

#[derive(Debug)]
struct Limits {
    most: usize,
    /// Without sockets, which have a limit of their own.
    most_per_address: Option<usize>,
    /// Each of them has the connections of many clients.
    proxies: TrustedProxies,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    /// Never contains zeros.
    by_network: HashMap<ClientNetwork, usize>,
}

/// An open connection, counted until it ends.
#[derive(Debug)]
pub(crate) struct ConnectionPermit {
    pub(crate) verdict: Verdict,
    /// Lives on in the task of a socket.
    pub(super) among_all: Option<Rc<AmongAll>>,
    _at_address: Option<AtAddress>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Welcome,
    /// Requests but those for the health of the server are refused.
    Full,
    /// Requests are refused.
    AddressFull,
    /// The connection is closed at once: the address has twice as many as it may have.
    AddressFlooding,
}

#[derive(Debug)]
pub(super) struct AmongAll(ConnectionLimits);

#[derive(Debug)]
struct AtAddress(ConnectionLimits, ClientAddress);

impl ConnectionLimits {
    #[must_use]
    pub fn new(most: usize, most_per_address: Option<usize>, proxies: TrustedProxies) -> Self {
        let open = Mutex::default();
        Self(Arc::new(Limits { most, most_per_address, proxies, open }))
    }

    pub(super) fn most(&self) -> usize {
        self.0.most
    }

    pub(super) fn enter(&self, peer: Option<IpAddr>) -> ConnectionPermit {
        let Limits { most, most_per_address, proxies, .. } = &*self.0;
        let mut open = self.open();
        let most_per_address =
            most_per_address.filter(|_| !peer.is_some_and(|it| proxies.trusts(it)));
        let address = peer.map_or_else(ClientAddress::unknown, ClientAddress::of);
        let at_address = most_per_address.map(|most| {
            // How often the fullest network of the address has what it may have.
            let mut times = 0;
            for network in address.networks() {
                let count = open.by_network.entry(network).or_default();
                *count += 1;
                times = times.max((*count).div_ceil(network.times(most).max(1)));
            }
            (times, AtAddress(self.clone(), address))
        });
        let verdict = match &at_address {
            Some((3.., _)) => Verdict::AddressFlooding,
            Some((2, _)) => Verdict::AddressFull,
            _ if open.all >= *most => Verdict::Full,
            _ => Verdict::Welcome,
        };
        let counts = matches!(verdict, Verdict::Welcome | Verdict::Full);
        open.all += usize::from(counts);
        ConnectionPermit {
            verdict,
            among_all: counts.then(|| Rc::new(AmongAll(self.clone()))),
            _at_address: at_address.map(|(_, counted)| counted),
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for AmongAll {
    fn drop(&mut self) {
        self.0.open().all -= 1;
    }
}

impl Drop for AtAddress {
    fn drop(&mut self) {
        let Self(limits, address) = self;
        let mut open = limits.open();
        for network in address.networks() {
            if let Some(count) = open.by_network.get_mut(&network) {
                *count -= 1;
                if *count == 0 {
                    open.by_network.remove(&network);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ConnectionLimits, ConnectionPermit, Verdict};
    use crate::proxies::TrustedProxies;

    const PROXY: &str = "10.0.0.1";

    fn limits() -> ConnectionLimits {
        let proxies = TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap()]);
        ConnectionLimits::new(4, Some(2), proxies)
    }

    fn enter(limits: &ConnectionLimits, peer: &str) -> ConnectionPermit {
        limits.enter(Some(peer.parse().unwrap()))
    }

    #[test]
    fn an_address_has_a_number_of_connections() {
        let limits = limits();
        let held = [enter(&limits, "192.0.2.1"), enter(&limits, "192.0.2.1")];
        assert_eq!(enter(&limits, "192.0.2.1").verdict, Verdict::AddressFull);
        assert_eq!(enter(&limits, "192.0.2.2").verdict, Verdict::Welcome);

        let more: Vec<_> = (0..3).map(|_| enter(&limits, "192.0.2.1")).collect();
        let verdicts = more.iter().map(|permit| permit.verdict).collect::<Vec<_>>();
        assert_eq!(verdicts[..2], [Verdict::AddressFull; 2]);
        assert_eq!((verdicts[2], limits.open().all), (Verdict::AddressFlooding, 2));
        drop((held, more));

        assert_eq!(enter(&limits, "192.0.2.1").verdict, Verdict::Welcome);
        assert!(limits.open().by_network.is_empty());
    }

    #[test]
    fn networks_of_ipv6_have_more_connections_and_not_any_number() {
        let proxies = TrustedProxies::default();
        let limits = ConnectionLimits::new(1_000, Some(2), proxies);
        let welcome = |networks: &mut dyn Iterator<Item = u16>| {
            let permits =
                networks.map(|network| enter(&limits, &format!("2001:db8:0:{network:x}::1")));
            permits.take_while(|permit| permit.verdict == Verdict::Welcome).collect::<Vec<_>>()
        };

        let in_56 = welcome(&mut (0..0x100));
        let in_48 = welcome(&mut (1..0x100).map(|network| network << 8));

        assert_eq!(in_56.len(), 2 * 4);
        // The refused connection of each kind has ended.
        assert_eq!(in_56.len() + in_48.len(), 2 * 16);
        assert_eq!(enter(&limits, "2001:db8:1::1").verdict, Verdict::Welcome);
        drop((in_56, in_48));
        assert!(limits.open().by_network.is_empty());
    }

    #[test]
    fn a_proxy_has_any_number_of_connections() {
        let limits = limits();
        let held: Vec<_> = (0..4).map(|_| enter(&limits, PROXY)).collect();

        assert!(held.iter().all(|permit| permit.verdict == Verdict::Welcome));
        assert_eq!(enter(&limits, PROXY).verdict, Verdict::Full);
    }

    #[test]
    fn a_socket_counts_among_all_connections() {
        let limits = limits();
        let sockets: Vec<_> =
            (0..4).map(|_| enter(&limits, "192.0.2.1").among_all.clone()).collect();

        assert_eq!(enter(&limits, "192.0.2.1").verdict, Verdict::Full);
        drop(sockets);
        assert_eq!(limits.open().all, 0);
        assert_eq!(limits.enter(None).verdict, Verdict::Welcome);
    }
}
