//! Everything a chat keeps, under one lock.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use application::ports::{Clock, StoredAccount, Taken};
use domain::{
    AuthVersion, Conversation, ConversationId, ConversationKind, Email, Epoch, MessageId, UserId,
    Username,
};

use crate::room::Room;
use crate::sessions::Sessions;

/// The storage ports in memory. Its epoch is the moment it was made.
pub struct InMemoryChat {
    pub(crate) clock: Arc<dyn Clock>,
    /// Every port method holds it once, and never across an await: that makes it atomic.
    state: Mutex<State>,
}

pub(crate) struct State {
    pub(crate) epoch: Epoch,
    pub(crate) accounts: BTreeMap<UserId, StoredAccount>,
    pub(crate) rooms: BTreeMap<ConversationId, Room>,
    pub(crate) next_message_id: MessageId,
    pub(crate) sessions: Sessions,
}

impl InMemoryChat {
    /// An empty chat: no accounts, and a silent lobby.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let lobby = Conversation { id: ConversationId::LOBBY, kind: ConversationKind::Lobby };
        let state = State {
            epoch: Epoch::new(clock.now().micros().unsigned_abs().into()),
            accounts: BTreeMap::new(),
            rooms: BTreeMap::from([(lobby.id, Room::open(lobby))]),
            next_message_id: MessageId::new(1),
            sessions: Sessions::default(),
        };
        Self { clock, state: Mutex::new(state) }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Ids for new messages.
    pub(crate) fn free_ids(&self) -> impl Iterator<Item = MessageId> + use<> {
        (self.next_message_id.get()..).map(MessageId::new)
    }

    pub(crate) fn taken(&self, username: Option<&Username>, email: Option<&Email>) -> Taken {
        let mut taken = Taken::default();
        for StoredAccount { account, .. } in self.accounts.values() {
            taken.username |= username.is_some_and(|name| *name == account.username);
            taken.email |= email.is_some_and(|email| Some(email) == account.email.as_ref());
        }
        taken
    }

    /// Live connections of this account have to prove themselves again.
    pub(crate) fn raise_auth_version(&mut self, user: UserId) {
        if let Some(stored) = self.accounts.get_mut(&user) {
            let version = &mut stored.account.auth_version;
            *version = AuthVersion::new(version.get() + 1);
        }
    }
}

impl fmt::Debug for InMemoryChat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InMemoryChat").finish_non_exhaustive()
    }
}
