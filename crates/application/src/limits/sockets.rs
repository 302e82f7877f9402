//! Limits simultaneous sockets, on all nodes.

use std::sync::Arc;

use domain::UserId;

use super::{ClientAddress, Enforced, Limited, Limits};
use crate::ports::{LimitKey, LimitScope};

/// Permits one socket until it is dropped.
#[must_use]
pub struct SocketPermit {
    /// Of an account, or of each network of an address. Empty without limits.
    _held: Vec<Held>,
}

/// Counted on all nodes, until it is dropped.
struct Held(Arc<Enforced>, LimitKey);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many sockets")]
pub struct TooManySockets;

impl Limits {
    /// Permits a socket from this address.
    ///
    /// # Errors
    ///
    /// [`TooManySockets`]. The same holds below.
    pub async fn socket_from(
        &self,
        address: ClientAddress,
    ) -> Result<SocketPermit, TooManySockets> {
        let Some(enforced) = &self.0 else { return Ok(SocketPermit { _held: Vec::new() }) };
        let mut held = Vec::new();
        for network in address.networks() {
            let most = network.times(enforced.rules.sockets_by_address);
            let limited = Limited::Network(network);
            held.push(Held::acquire(enforced, LimitScope::SocketsByAddress, limited, most).await?);
        }
        Ok(SocketPermit { _held: held })
    }

    /// Permits a socket of this account.
    pub async fn socket_of(&self, user: UserId) -> Result<SocketPermit, TooManySockets> {
        let Some(enforced) = &self.0 else { return Ok(SocketPermit { _held: Vec::new() }) };
        let (most, limited) = (enforced.rules.sockets_by_account, Limited::Account(user));
        let held = Held::acquire(enforced, LimitScope::SocketsByAccount, limited, most).await?;
        Ok(SocketPermit { _held: vec![held] })
    }
}

impl Held {
    async fn acquire(
        enforced: &Arc<Enforced>,
        scope: LimitScope,
        limited: Limited,
        most: usize,
    ) -> Result<Self, TooManySockets> {
        let key = limited.key(scope);
        let too_many = || {
            enforced.log.limit_reached(scope, limited);
            TooManySockets
        };
        let here = enforced.counts.enter(key, most).ok_or_else(too_many)?;
        // Released on drop, if other nodes hold too many or the caller is cancelled.
        let held = Self(Arc::clone(enforced), key);
        let on_other_nodes = enforced.limiter.hold(key, here).await;
        if here.count.saturating_add(on_other_nodes) > most as u64 {
            return Err(too_many());
        }
        Ok(held)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Self(enforced, key) = self;
        enforced.limiter.release(*key, enforced.counts.leave(*key));
    }
}

impl std::fmt::Debug for SocketPermit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SocketPermit")
    }
}
