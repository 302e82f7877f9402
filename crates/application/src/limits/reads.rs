//! Limits how fast, and how many at the same time, an account and an address read.

use std::sync::Arc;
use std::time::Duration;

use domain::UserId;

use super::{ClientAddress, Enforced, LimitRules, Limited, Limits};
use crate::ports::{LimitKey, LimitScope, RetryAfter};

/// How long a client should wait that reads too much at the same time.
const WAIT: RetryAfter = RetryAfter(Duration::from_secs(1));

/// One read, until this is dropped: once the client has got the answer.
#[derive(Debug)]
#[must_use]
pub struct ReadPermit {
    _by_account: Held,
    _by_networks: Vec<Held>,
}

/// Counted on this node, until it is dropped.
struct Held(Option<(Arc<Enforced>, LimitKey)>);

impl Limits {
    /// An account reads, from this address.
    pub(crate) async fn read(
        &self,
        user: UserId,
        address: ClientAddress,
    ) -> Result<ReadPermit, RetryAfter> {
        self.read_by(user).await?;
        let scope = LimitScope::ReadsByAddress;
        self.take_at(scope, address, |rules| rules.reads_by_address).await?;
        let account = Limited::Account(user);
        let most = |rules: &LimitRules| rules.open_reads_by_account;
        let by_account = self.hold(LimitScope::ReadsByAccount, account, most)?;
        let by_networks = address
            .networks()
            .map(|network| {
                let most = |rules: &LimitRules| network.times(rules.open_reads_by_address);
                self.hold(scope, Limited::Network(network), most)
            })
            .collect::<Result<_, _>>()?;
        Ok(ReadPermit { _by_account: by_account, _by_networks: by_networks })
    }

    /// An account reads by its socket, which bounds by itself what waits there.
    pub(crate) async fn read_by(&self, user: UserId) -> Result<(), RetryAfter> {
        let take = |rules: &LimitRules| rules.reads_by_account;
        self.take(LimitScope::ReadsByAccount, Limited::Account(user), take).await
    }

    fn hold(
        &self,
        scope: LimitScope,
        limited: Limited,
        most: impl FnOnce(&LimitRules) -> usize,
    ) -> Result<Held, RetryAfter> {
        let Some(enforced) = &self.0 else { return Ok(Held(None)) };
        let key = limited.key(scope);
        if enforced.counts.enter(key, most(&enforced.rules)).is_none() {
            enforced.log.limit_reached(scope, limited);
            return Err(WAIT);
        }
        Ok(Held(Some((Arc::clone(enforced), key))))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some((enforced, key)) = &self.0 {
            enforced.counts.leave(*key);
        }
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Held")
    }
}
