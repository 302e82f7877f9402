//! Security events in the log: who signed in or failed to, which limits were reached, and what
//! administrators did. `docs/operations.md` lists them.

use std::collections::HashMap;
use std::fmt;
use std::net::Ipv6Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::{ConversationId, UserId};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use crate::ClientAddress;
use crate::limits::ClientNetwork;
use crate::ports::LimitScope;

/// A limit that many clients reach has one line in this time.
const LIMIT_INTERVAL: Duration = Duration::from_secs(1);

/// Cheap to clone.
#[derive(Clone)]
pub struct SecurityLog(Arc<Log>);

struct Log {
    addresses: Addresses,
    /// When each limit may have its next line, and how often it was reached since its last one.
    limits: Mutex<HashMap<LimitScope, (Instant, u64)>>,
}

/// How the log shows the addresses of clients.
enum Addresses {
    /// IPv6 by its network.
    Plain,
    Hashed {
        key: [u8; 32],
    },
}

/// What limits one client.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Limited {
    Network(ClientNetwork),
    Account(UserId),
    Conversation(ConversationId),
}

impl SecurityLog {
    /// Shows addresses as they are.
    #[must_use]
    pub fn with_plain_addresses() -> Self {
        Self::new(Addresses::Plain)
    }

    /// Shows equal addresses as equal hashes, which reveal no address without `secret`.
    #[must_use]
    pub fn with_hashed_addresses(secret: &[u8]) -> Self {
        let key = Sha256::new().chain_update(b"logged addresses\0").chain_update(secret).finalize();
        Self::new(Addresses::Hashed { key: key.into() })
    }

    fn new(addresses: Addresses) -> Self {
        Self(Arc::new(Log { addresses, limits: Mutex::default() }))
    }

    pub(crate) fn signed_in(&self, user: UserId, address: ClientAddress) {
        self.of_client("signed_in", Some(user), address);
    }

    /// `user` is the account of that name, if there is one.
    pub(crate) fn sign_in_failed(&self, user: Option<UserId>, address: ClientAddress) {
        self.of_client("sign_in_failed", user, address);
    }

    /// The client must wait after earlier failures.
    pub(crate) fn sign_in_delayed(&self, user: Option<UserId>, address: ClientAddress) {
        self.of_client("sign_in_delayed", user, address);
    }

    pub(crate) fn registered(&self, user: UserId, address: ClientAddress) {
        self.of_client("registered", Some(user), address);
    }

    pub(crate) fn password_changed(&self, user: UserId, address: ClientAddress) {
        self.of_client("password_changed", Some(user), address);
    }

    fn of_client(&self, event: &str, user: Option<UserId>, address: ClientAddress) {
        let address = self.0.addresses.show(address.to_network());
        let user = user.map(UserId::get);
        tracing::info!(user.id = user, client.address = address, "{event}");
    }

    pub(crate) fn limit_reached(&self, scope: LimitScope, limited: Limited) {
        let Some(times) = self.0.take_turn(scope, Instant::now()) else { return };
        let (mut address, mut user, mut conversation) = (None, None, None);
        match limited {
            Limited::Network(network) => address = Some(self.0.addresses.show(network)),
            Limited::Account(id) => user = Some(id.get()),
            Limited::Conversation(id) => conversation = Some(id.get()),
        }
        tracing::info!(
            limit = scope.name(),
            times,
            client.address = address,
            user.id = user,
            conversation.id = conversation,
            "limit_reached"
        );
    }
}

/// A refresh token was used again after its owner had exchanged it, so its session has ended.
pub(crate) fn refresh_token_reused(user: UserId) {
    tracing::warn!(user.id = user.get(), "refresh_token_reused");
}

/// The act of an administrator on an account.
pub(crate) fn administered(event: &str, user: UserId) {
    tracing::info!(user.id = user.get(), "{event}");
}

impl Log {
    /// Returns how often the limit was reached, if it may have a line now.
    fn take_turn(&self, scope: LimitScope, now: Instant) -> Option<u64> {
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        let (next, times) = limits.entry(scope).or_insert((now, 0));
        *times += 1;
        (now >= *next).then(|| {
            *next = now + LIMIT_INTERVAL;
            std::mem::take(times)
        })
    }
}

impl Addresses {
    fn show(&self, network: ClientNetwork) -> String {
        match self {
            Self::Plain => plain(network),
            Self::Hashed { key } => {
                let number = network.number().to_be_bytes();
                let digest = Sha256::new().chain_update(key).chain_update(number).finalize();
                let half = digest.first_chunk().map_or(0, |half| u64::from_be_bytes(*half));
                format!("{half:016x}")
            }
        }
    }
}

fn plain(network: ClientNetwork) -> String {
    let (number, length) = network.parts();
    let address = Ipv6Addr::from_bits(number);
    match address.to_ipv4_mapped() {
        Some(address) => address.to_string(),
        None => format!("{address}/{length}"),
    }
}

impl fmt::Debug for SecurityLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecurityLog")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::SecurityLog;
    use crate::ClientAddress;
    use crate::ports::LimitScope;

    fn shown(log: &SecurityLog, address: &str) -> Vec<String> {
        let networks = ClientAddress::of(address.parse().unwrap()).networks();
        networks.map(|network| log.0.addresses.show(network)).collect()
    }

    #[test]
    fn plain_addresses_are_those_that_limits_count() {
        let log = SecurityLog::with_plain_addresses();

        assert_eq!(shown(&log, "192.0.2.7"), ["192.0.2.7"]);
        assert_eq!(
            shown(&log, "2001:db8:1:2ff:3::1"),
            ["2001:db8:1:2ff::/64", "2001:db8:1:200::/56", "2001:db8:1::/48"]
        );
    }

    #[test]
    fn hashed_addresses_differ_by_address_and_secret() {
        let [one, other] = [b"one", b"two"].map(|key| SecurityLog::with_hashed_addresses(key));

        assert_eq!(shown(&one, "192.0.2.7"), shown(&one, "::ffff:192.0.2.7"));
        assert_ne!(shown(&one, "192.0.2.7"), shown(&one, "192.0.2.8"));
        assert_ne!(shown(&one, "192.0.2.7"), shown(&other, "192.0.2.7"));
        assert_eq!(shown(&one, "192.0.2.7").concat().len(), 16);
    }

    #[test]
    fn a_limit_has_one_line_a_second() {
        let log = SecurityLog::with_plain_addresses();
        let begin = Instant::now();
        let at = |scope, millis| log.0.take_turn(scope, begin + Duration::from_millis(millis));
        let [one, other] = [LimitScope::ReadsByAccount, LimitScope::TextByAccount];

        let turns = [at(one, 0), at(one, 1), at(other, 2), at(one, 999), at(one, 1000)];

        assert_eq!(turns, [Some(1), None, Some(1), None, Some(3)]);
    }
}
