//! Limits what clients may do, by address, account and conversation. `docs/limits.md` lists the
//! limits.

mod counts;
mod known_addresses;
mod reads;
mod sign_ins;
mod sockets;

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use domain::{ConversationId, UserId};

use crate::SecurityLog;
use crate::ports::{Backoff, LimitKey, LimitScope, Quota, RateLimiter, RetryAfter};

pub use known_addresses::KnownAddresses;
pub use reads::ReadPermit;
pub use sign_ins::{SignInAttempt, SignInOrigin};
pub use sockets::{SocketPermit, TooManySockets};

use crate::security_log::Limited;
use counts::Counts;

/// Cheap to clone; all clones count together.
#[derive(Clone)]
pub struct Limits(Option<Arc<Enforced>>);

struct Enforced {
    limiter: Arc<dyn RateLimiter>,
    known_addresses: KnownAddresses,
    rules: LimitRules,
    counts: Counts,
    log: SecurityLog,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitRules {
    /// Sign-ins, and registrations, which reveal whether a name is in use.
    pub credentials_by_address: Quota,
    /// Unsuccessful sign-ins to an account.
    pub failed_sign_ins: Backoff,
    /// Attempts at one account while it waits, from addresses without a failure there.
    pub sign_ins_from_new_addresses: Quota,
    /// How long an account knows an address after a sign-in from there.
    pub known_address: Duration,
    pub registrations_by_address: Quota,
    pub handshakes_by_address: Quota,
    /// At the same time.
    pub sockets_by_address: usize,
    /// At the same time.
    pub sockets_by_account: usize,
    pub reads_by_account: Quota,
    pub reads_by_address: Quota,
    /// At the same time, on each node.
    pub open_reads_by_account: usize,
    /// At the same time, on each node.
    pub open_reads_by_address: usize,
    /// Sends, edits and deletions.
    pub messages_by_account: Quota,
    /// Sends, edits and deletions.
    pub messages_by_conversation: Quota,
    /// In KiB; a started one counts.
    pub text_by_account: Quota,
    /// In KiB. The bucket of a whole day.
    pub daily_text_by_account: Quota,
}

impl Limits {
    #[must_use]
    pub fn new(
        limiter: Arc<dyn RateLimiter>,
        known_addresses: KnownAddresses,
        rules: LimitRules,
        log: SecurityLog,
    ) -> Self {
        let counts = Counts::default();
        Self(Some(Arc::new(Enforced { limiter, known_addresses, rules, counts, log })))
    }

    /// Allows everything.
    #[must_use]
    pub fn off() -> Self {
        Self(None)
    }

    pub(crate) fn are_on(&self) -> bool {
        self.0.is_some()
    }

    /// A client tries credentials, its own or others'. Call this before anything is looked up or
    /// hashed.
    ///
    /// # Errors
    ///
    /// [`RetryAfter`] when the address, account or conversation exceeds its rate. The same holds
    /// below.
    pub async fn credentials(&self, address: ClientAddress) -> Result<(), RetryAfter> {
        self.take_at(LimitScope::CredentialsByAddress, address, |rules| {
            rules.credentials_by_address
        })
        .await
    }

    /// A client registers an account. Call this before a password is hashed.
    pub async fn registration(&self, address: ClientAddress) -> Result<(), RetryAfter> {
        self.take_at(LimitScope::RegistrationsByAddress, address, |rules| {
            rules.registrations_by_address
        })
        .await
    }

    /// A client opens a socket.
    pub async fn handshake(&self, address: ClientAddress) -> Result<(), RetryAfter> {
        self.take_at(LimitScope::HandshakesByAddress, address, |rules| rules.handshakes_by_address)
            .await
    }

    /// The smallest network comes first, so that a client beyond its own rate takes nothing from its
    /// neighbours. A refusal by a wider network gives nothing back.
    async fn take_at(
        &self,
        scope: LimitScope,
        address: ClientAddress,
        quota: impl FnOnce(&LimitRules) -> Quota,
    ) -> Result<(), RetryAfter> {
        let Some(enforced) = self.0.as_deref() else { return Ok(()) };
        let quota = quota(&enforced.rules);
        for network in address.networks() {
            let quota = quota.times(network.factor);
            enforced.take(scope, Limited::Network(network), quota, 1).await?;
        }
        Ok(())
    }

    async fn take(
        &self,
        scope: LimitScope,
        limited: Limited,
        quota: impl FnOnce(&LimitRules) -> Quota,
    ) -> Result<(), RetryAfter> {
        let Some(enforced) = self.0.as_deref() else { return Ok(()) };
        enforced.take(scope, limited, quota(&enforced.rules), 1).await
    }

    /// An account writes a text of so many bytes.
    pub async fn text_by(&self, user: UserId, bytes: usize) -> Result<(), RetryAfter> {
        let Some(enforced) = self.0.as_deref() else { return Ok(()) };
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        let (rules, account) = (&enforced.rules, Limited::Account(user));
        enforced.take(LimitScope::TextByAccount, account, rules.text_by_account, kib).await?;
        let daily = rules.daily_text_by_account;
        enforced.take(LimitScope::DailyTextByAccount, account, daily, kib).await
    }

    /// An account writes in a conversation.
    pub async fn message(
        &self,
        user: UserId,
        conversation: ConversationId,
    ) -> Result<(), RetryAfter> {
        self.message_by(user).await?;
        self.message_in(conversation).await
    }

    pub async fn message_by(&self, user: UserId) -> Result<(), RetryAfter> {
        let quota = |rules: &LimitRules| rules.messages_by_account;
        self.take(LimitScope::MessagesByAccount, Limited::Account(user), quota).await
    }

    pub async fn message_in(&self, conversation: ConversationId) -> Result<(), RetryAfter> {
        let quota = |rules: &LimitRules| rules.messages_by_conversation;
        let limited = Limited::Conversation(conversation);
        self.take(LimitScope::MessagesByConversation, limited, quota).await
    }
}

impl Enforced {
    async fn take(
        &self,
        scope: LimitScope,
        limited: Limited,
        quota: Quota,
        count: u32,
    ) -> Result<(), RetryAfter> {
        let taken = self.limiter.take_many(limited.key(scope), quota, count).await;
        taken.inspect_err(|_| self.log.limit_reached(scope, limited))
    }
}

impl Limited {
    fn key(self, scope: LimitScope) -> LimitKey {
        let subject = match self {
            Self::Network(network) => network.number(),
            Self::Account(user) => number(user.get()),
            Self::Conversation(conversation) => number(conversation.get()),
        };
        LimitKey { scope, subject }
    }
}

fn number(id: i64) -> u128 {
    id.cast_unsigned().into()
}

/// A client's address, without the low half of IPv6: a client controls all addresses in its /64.
/// Never printed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(u128);

/// The wider IPv6 networks that have limits: their length, and how many times those of a /64.
/// Providers give a customer up to a /48, which has 65,536 networks of 64 bits.
const WIDER_NETWORKS: [(u32, u32); 2] = [(56, 4), (SITE, 16)];

/// The most that a provider gives to one customer.
const SITE: u32 = 48;

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

    /// The networks whose limits hold for the client, the smallest first: its address, and for IPv6
    /// the wider networks around it.
    pub fn networks(self) -> impl Iterator<Item = ClientNetwork> {
        let wider = WIDER_NETWORKS.into_iter().filter(move |_| !self.is_ipv4());
        let wider = wider.map(move |(length, factor)| {
            // The low half is zero otherwise, so that no two networks are the same number.
            ClientNetwork { number: self.network(length) | u128::from(length), factor }
        });
        std::iter::once(self.to_network()).chain(wider)
    }

    /// The smallest of its networks.
    pub(crate) fn to_network(self) -> ClientNetwork {
        ClientNetwork { number: self.number(), factor: 1 }
    }

    /// Who may control the address: an IPv4 address, or an IPv6 network of 48 bits.
    pub(crate) fn site(self) -> Self {
        Self(self.network(SITE))
    }

    /// In the IPv4-mapped range, or with the low half zero.
    fn number(self) -> u128 {
        self.0
    }

    /// The IPv6 network of this length around the address. An IPv4 address is a network of its own.
    fn network(self, length: u32) -> u128 {
        if self.is_ipv4() { self.0 } else { self.0 & (u128::MAX << (128 - length)) }
    }

    fn is_ipv4(self) -> bool {
        self.0 >> 32 == 0xffff
    }
}

/// A network that has limits. Never printed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientNetwork {
    number: u128,
    factor: u32,
}

impl ClientNetwork {
    /// How many times as much the network may have as a single address.
    #[must_use]
    pub fn times(self, most: usize) -> usize {
        most.saturating_mul(usize::try_from(self.factor).unwrap_or(usize::MAX))
    }

    pub(crate) fn number(self) -> u128 {
        self.number
    }

    /// The address without the length, and the length.
    pub(crate) fn parts(self) -> (u128, u128) {
        match self.number & u128::from(u64::MAX) {
            length if length > 64 || length == 0 => (self.number, 64),
            length => (self.number ^ length, length),
        }
    }
}

impl fmt::Debug for ClientNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientNetwork(hidden)")
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

    /// By the limits that hold for both: of the address, the /56 and the /48.
    #[test]
    fn neighbours_share_the_limits_of_wider_networks() {
        let cases: [(&str, &str, &[u32]); 7] = [
            ("192.0.2.1", "192.0.2.1", &[1]),
            ("192.0.2.1", "192.0.2.2", &[]),
            ("2001:db8::1", "2001:db8::2", &[1, 4, 16]),
            ("2001:db8::1", "2001:db8:0:ff::1", &[4, 16]),
            ("2001:db8::1", "2001:db8:0:100::1", &[16]),
            ("2001:db8::1", "2001:db8:0:ffff::1", &[16]),
            ("2001:db8::1", "2001:db8:1::1", &[]),
        ];
        for (one, other, want) in cases {
            let [a, b] = [one, other].map(|text| ClientAddress::of(text.parse().unwrap()));
            let shared = a.networks().filter(|network| b.networks().any(|other| other == *network));
            let factors: Vec<u32> = shared.map(|network| network.factor).collect();

            assert_eq!(factors, want, "{one} and {other}");
            assert_eq!(a.site() == b.site(), !want.is_empty(), "{one} and {other}");
        }
    }
}
