//! Who is in the lobby, on all nodes, and what is told of comings and goings.

mod elsewhere;
mod exchange;
mod roll;
mod teller;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::Username;
use tokio::sync::{Notify, watch};

use crate::ports::{LocalBroadcast, RosterExchange};
use exchange::Exchanger;
use roll::Roll;
use teller::Teller;

/// How comings and goings are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PresenceTiming {
    /// Each with the list as it then was, at once.
    OneByOne,
    /// Together, and no more often than the lists can be afforded; past 8 of
    /// them the list alone.
    Coalesced,
}

/// Counts the connections of everyone in the lobby. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Presence {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    // HeldCount for a look-up, or for a copy of the list.
    roll: Mutex<Roll>,
    /// Something is to be told to the sockets here.
    moved: Notify,
    /// Something is to be told to the other nodes.
    moved_here: Notify,
    closed: watch::Sender<bool>,
}

impl Presence {
    /// The roster, and the task that has to be run for it.
    #[must_use]
    pub fn new(
        local_broadcast: Arc<dyn LocalBroadcast>,
        exchange: Arc<dyn RosterExchange>,
        timing: PresenceTiming,
    ) -> (Self, PresenceTask) {
        let shared = Arc::new(Shared {
            roll: Mutex::new(Roll::new(timing)),
            moved: Notify::new(),
            moved_here: Notify::new(),
            closed: watch::Sender::new(false),
        });
        let teller = Teller::new(Arc::clone(&shared), local_broadcast);
        let exchanger = Exchanger::new(Arc::clone(&shared), exchange);
        (Self { shared }, PresenceTask { teller, exchanger })
    }

    /// A connection of this user has come to this node.
    pub fn enter(&self, user: &Username) {
        self.shared.roll().enter_here(user);
        self.shared.tell_all();
    }

    /// A connection of this user, that had come, has gone.
    pub fn leave(&self, user: &Username) {
        if self.shared.roll().leave_here(user) {
            self.shared.tell_all();
        }
    }

    /// How many connections this user has, on all nodes.
    #[must_use]
    pub fn connections(&self, user: &Username) -> usize {
        self.shared.roll().connections(user)
    }

    /// Everyone who is there, each once, sorted by code point.
    #[must_use]
    pub fn online(&self) -> Vec<Username> {
        self.shared.roll().names()
    }

    /// Ends the task once everything has been told.
    pub fn close(&self) {
        self.shared.closed.send_replace(true);
    }
}

impl Shared {
    fn roll(&self) -> MutexGuard<'_, Roll> {
        // Counts change together, so a panic elsewhere does no harm.
        self.roll.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell_all(&self) {
        self.moved.notify_one();
        self.moved_here.notify_one();
    }

    fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    async fn closing(&self) {
        // The sender is here, so that this ends only by being true.
        drop(self.closed.subscribe().wait_for(|closed| *closed).await);
    }
}

/// The working side of [`Presence`].
pub struct PresenceTask {
    teller: Teller,
    exchanger: Exchanger,
}

impl PresenceTask {
    /// Runs until [`Presence::close`].
    pub async fn run(self) {
        tokio::join!(self.teller.run(), self.exchanger.run());
    }
}
