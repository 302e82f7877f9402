//! Sockets at the same time. They are counted on this node alone: a client's
//! sockets end with the node that has them, and so does the count.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::UserId;

use super::{ClientAddress, Enforced, Limits};

/// Whose sockets are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Owner {
    Address(ClientAddress),
    Account(UserId),
}

/// Sockets by owner; nobody is kept who has none.
#[derive(Debug, Default)]
pub(super) struct SocketCounts(Mutex<HashMap<Owner, usize>>);

/// Room for one socket, until it is dropped.
#[derive(Debug)]
#[must_use]
pub struct SocketPlace(Option<(Arc<SocketCounts>, Owner)>);

/// There is no room for one more socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many sockets")]
pub struct TooManySockets;

impl Limits {
    /// Room for a socket from this address.
    ///
    /// # Errors
    ///
    /// [`TooManySockets`]; likewise below.
    pub fn socket_from(&self, address: ClientAddress) -> Result<SocketPlace, TooManySockets> {
        self.place(Owner::Address(address), |enforced| enforced.rules.sockets_by_address)
    }

    /// Room for a socket of this account.
    ///
    /// # Errors
    ///
    /// See [`Limits::socket_from`].
    pub fn socket_of(&self, user: UserId) -> Result<SocketPlace, TooManySockets> {
        self.place(Owner::Account(user), |enforced| enforced.rules.sockets_by_account)
    }

    fn place(
        &self,
        owner: Owner,
        most: impl FnOnce(&Enforced) -> usize,
    ) -> Result<SocketPlace, TooManySockets> {
        let Some(enforced) = self.0.as_deref() else { return Ok(SocketPlace(None)) };
        enforced.sockets.enter(owner, most(enforced))?;
        Ok(SocketPlace(Some((Arc::clone(&enforced.sockets), owner))))
    }
}

impl SocketCounts {
    fn enter(&self, owner: Owner, most: usize) -> Result<(), TooManySockets> {
        let mut counts = self.counts();
        let known = counts.get(&owner).copied().unwrap_or(0);
        if known >= most {
            return Err(TooManySockets);
        }
        counts.insert(owner, known.saturating_add(1));
        Ok(())
    }

    fn leave(&self, owner: Owner) {
        if let Entry::Occupied(mut entry) = self.counts().entry(owner) {
            match entry.get().saturating_sub(1) {
                0 => drop(entry.remove()),
                rest => drop(entry.insert(rest)),
            }
        }
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Owner, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for SocketPlace {
    fn drop(&mut self) {
        if let Some((counts, owner)) = &self.0 {
            counts.leave(*owner);
        }
    }
}
