//! Stores the whole chat under one lock.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use application::ports::{AddressDigest, Clock, InboxVersion, StoredAccount, Taken};
use domain::{
    AuditEntry, AuthVersion, BodyHash, ClientId, Conversation, ConversationId, Email, Epoch,
    Invite, InviteCode, MessageId, MsgNo, NameRule, Pair, Timestamp, UserId, Username,
};

use super::conversation::StoredConversation;
use super::session_store::Sessions;

/// The storage ports in memory. The epoch is the time of creation.
pub struct InMemoryChat {
    pub(crate) clock: Arc<dyn Clock>,
    /// Every port method holds it once, and never across an await, which makes the method atomic.
    state: Mutex<State>,
}

pub(crate) struct State {
    pub(crate) epoch: Epoch,
    pub(crate) accounts: BTreeMap<UserId, StoredAccount>,
    pub(crate) conversations: BTreeMap<ConversationId, StoredConversation>,
    pub(crate) directs: HashMap<Pair, ConversationId>,
    /// By creator and client id.
    pub(crate) created_groups: HashMap<(UserId, ClientId), (ConversationId, BodyHash)>,
    pub(crate) invites: BTreeMap<InviteCode, Invite>,
    /// Blocker and blocked user.
    pub(crate) blocks: BTreeSet<(UserId, UserId)>,
    pub(crate) inbox_numbers: HashMap<UserId, InboxVersion>,
    /// The newest message of the lobby when each account was made.
    pub(crate) lobby_at_sign_up: HashMap<UserId, MsgNo>,
    /// Per user, how often a block changed the view of all conversations.
    pub(crate) views: HashMap<UserId, i64>,
    pub(crate) audits: Vec<AuditEntry>,
    /// Per address digest, the account that knows it, and until when.
    pub(crate) known_addresses: BTreeMap<AddressDigest, (UserId, Timestamp)>,
    pub(crate) next_message_id: MessageId,
    pub(crate) sessions: Sessions,
}

impl InMemoryChat {
    /// An empty chat: no accounts, and an empty lobby.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let lobby = Conversation::lobby();
        let state = State {
            epoch: Epoch::new(clock.now().micros().unsigned_abs().into()),
            accounts: BTreeMap::new(),
            conversations: BTreeMap::from([(lobby.id, StoredConversation::open(lobby))]),
            directs: HashMap::new(),
            created_groups: HashMap::new(),
            invites: BTreeMap::new(),
            blocks: BTreeSet::new(),
            inbox_numbers: HashMap::new(),
            lobby_at_sign_up: HashMap::new(),
            views: HashMap::new(),
            audits: Vec::new(),
            known_addresses: BTreeMap::new(),
            next_message_id: MessageId::new(1),
            sessions: Sessions::default(),
        };
        Self { clock, state: Mutex::new(state) }
    }

    /// For tests.
    pub fn make_superuser(&self, user: UserId) {
        if let Some(stored) = self.state().accounts.get_mut(&user) {
            stored.account.superuser = true;
        }
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

    pub(crate) fn taken(
        &self,
        username: Option<&Username>,
        email: Option<&Email>,
        names: NameRule,
    ) -> Taken {
        let same_name = |one: &Username, other: &Username| match names {
            NameRule::Exact => one == other,
            NameRule::Folded => one.key() == other.key(),
        };
        let same_email = |one: &Email, other: &Email| match names {
            NameRule::Exact => one == other,
            NameRule::Folded => one.key() == other.key(),
        };
        let mut taken = Taken::default();
        for StoredAccount { account, .. } in self.accounts.values() {
            taken.username |= username.is_some_and(|name| same_name(name, &account.username));
            let known = email.zip(account.email.as_ref());
            taken.email |= known.is_some_and(|(email, known)| same_email(email, known));
        }
        taken
    }

    /// Increments the inbox version of this account.
    pub(crate) fn raise_inbox_version(&mut self, user: UserId) {
        self.inbox_numbers.entry(user).or_insert(InboxVersion(0)).0 += 1;
    }

    pub(crate) fn inbox_number(&self, user: UserId) -> InboxVersion {
        self.inbox_numbers.get(&user).copied().unwrap_or(InboxVersion(0))
    }

    pub(crate) fn username(&self, user: UserId) -> Option<Username> {
        self.accounts.get(&user).map(|stored| stored.account.username.clone())
    }

    pub(crate) fn hides_presence(&self, user: UserId) -> bool {
        self.accounts.get(&user).is_some_and(|stored| stored.account.profile.hides_presence)
    }

    pub(crate) fn blocked_by(&self, user: UserId) -> Arc<HashSet<UserId>> {
        let blocks = self.blocks.iter().filter(|(by, _)| *by == user);
        Arc::new(blocks.map(|(_, blocked)| *blocked).collect())
    }

    /// The names of the users with a block between them and `user`.
    pub(crate) fn hidden_names_of(&self, user: UserId) -> Arc<HashSet<Username>> {
        let others = self.blocks.iter().filter_map(|(by, blocked)| match (*by, *blocked) {
            (by, blocked) if by == user => Some(blocked),
            (by, blocked) if blocked == user => Some(by),
            _ => None,
        });
        Arc::new(others.filter_map(|other| self.username(other)).collect())
    }

    pub(crate) fn view_version(&self, user: UserId, stored: &StoredConversation) -> i64 {
        let of_account = self.views.get(&user).copied().unwrap_or(0);
        let of_member = stored.members.get(&user).map_or(0, |member| member.view_version);
        of_account + stored.conversation.view_version + of_member
    }

    /// Ends every session of this account, and all its tokens from before the second after `now`.
    pub(crate) fn revoke_all(&mut self, user: UserId, now: Timestamp) {
        if let Some(StoredAccount { account, .. }) = self.accounts.get_mut(&user) {
            account.valid_from = account.valid_from.max(now.next_second());
        }
        self.sessions.revoke_all(user);
        self.raise_auth_version(user);
    }

    /// Makes live connections of this account authenticate again.
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
