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

use crate::ports::{Backoff, LimitKey, LimitScope, Quota, RateLimiter, RetryAfter};

pub use known_addresses::KnownAddresses;
pub use reads::ReadPermit;
pub use sign_ins::{SignInAttempt, SignInOrigin};
pub use sockets::{SocketPermit, TooManySockets};

use counts::Counts;

/// Cheap to clone; all clones count together.
#[derive(Clone)]
pub struct Limits(Option<Arc<Enforced>>);

struct Enforced {
    limiter: Arc<dyn RateLimiter>,
    known_addresses: KnownAddresses,
    rules: LimitRules,
    counts: Counts,
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
    ) -> Self {
        let counts = Counts::default();
        Self(Some(Arc::new(Enforced { limiter, known_addresses, rules, counts })))
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
        let take = |rules: &LimitRules| rules.credentials_by_address;
        self.take(LimitScope::CredentialsByAddress, address.number(), take).await
    }

    /// A client registers an account. Call this before a password is hashed.
    pub async fn registration(&self, address: ClientAddress) -> Result<(), RetryAfter> {
        let take = |rules: &LimitRules| rules.registrations_by_address;
        self.take(LimitScope::RegistrationsByAddress, address.number(), take).await
    }

    /// A client opens a socket.
    pub async fn handshake(&self, address: ClientAddress) -> Result<(), RetryAfter> {
        let take = |rules: &LimitRules| rules.handshakes_by_address;
        self.take(LimitScope::HandshakesByAddress, address.number(), take).await
    }

    async fn take(
        &self,
        scope: LimitScope,
        subject: u128,
        quota: impl FnOnce(&LimitRules) -> Quota,
    ) -> Result<(), RetryAfter> {
        let Some(Enforced { limiter, rules, .. }) = self.0.as_deref() else { return Ok(()) };
        limiter.take(LimitKey { scope, subject }, quota(rules)).await
    }

    /// An account writes a text of so many bytes.
    pub async fn text_by(&self, user: UserId, bytes: usize) -> Result<(), RetryAfter> {
        let Some(Enforced { limiter, rules, .. }) = self.0.as_deref() else { return Ok(()) };
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        let subject = number(user.get());
        let key = |scope| LimitKey { scope, subject };
        limiter.take_many(key(LimitScope::TextByAccount), rules.text_by_account, kib).await?;
        let daily = rules.daily_text_by_account;
        limiter.take_many(key(LimitScope::DailyTextByAccount), daily, kib).await
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
        self.take(LimitScope::MessagesByAccount, number(user.get()), quota).await
    }

    pub async fn message_in(&self, conversation: ConversationId) -> Result<(), RetryAfter> {
        let quota = |rules: &LimitRules| rules.messages_by_conversation;
        self.take(LimitScope::MessagesByConversation, number(conversation.get()), quota).await
    }
}

fn number(id: i64) -> u128 {
    id.cast_unsigned().into()
}

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
    fn number(self) -> u128 {
        self.0
    }

    /// The IPv6 network of this length around the address. An IPv4 address is a network of its own.
    fn network(self, length: u32) -> u128 {
        let is_ipv4 = self.0 >> 32 == 0xffff;
        if is_ipv4 { self.0 } else { self.0 & (u128::MAX << (128 - length)) }
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
