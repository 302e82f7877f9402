//! Limits simultaneous sockets, on all nodes.

use std::sync::Arc;

use domain::UserId;

use super::{ClientAddress, Enforced, LimitRules, Limits, number};
use crate::ports::{LimitKey, LimitScope};

/// Permits one socket until it is dropped.
#[must_use]
pub struct SocketPermit(Option<(Arc<Enforced>, LimitKey)>);

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
        let key = LimitKey { scope: LimitScope::SocketsByAddress, subject: address.number() };
        self.acquire(key, |rules| rules.sockets_by_address).await
    }

    /// Permits a socket of this account.
    pub async fn socket_of(&self, user: UserId) -> Result<SocketPermit, TooManySockets> {
        let subject = number(user.get());
        let key = LimitKey { scope: LimitScope::SocketsByAccount, subject };
        self.acquire(key, |rules| rules.sockets_by_account).await
    }

    async fn acquire(
        &self,
        key: LimitKey,
        most: impl FnOnce(&LimitRules) -> usize,
    ) -> Result<SocketPermit, TooManySockets> {
        let Some(enforced) = &self.0 else { return Ok(SocketPermit(None)) };
        let most = most(&enforced.rules);
        let held = enforced.counts.enter(key, most).ok_or(TooManySockets)?;
        // Released on drop, if other nodes hold too many or the caller is cancelled.
        let permit = SocketPermit(Some((Arc::clone(enforced), key)));
        let on_other_nodes = enforced.limiter.hold(key, held).await;
        if held.count.saturating_add(on_other_nodes) > most as u64 {
            return Err(TooManySockets);
        }
        Ok(permit)
    }
}

impl Drop for SocketPermit {
    fn drop(&mut self) {
        if let Some((enforced, key)) = &self.0 {
            enforced.limiter.release(*key, enforced.counts.leave(*key));
        }
    }
}

impl std::fmt::Debug for SocketPermit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SocketPermit")
    }
}
