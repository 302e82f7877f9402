//! The data that decisions need, loaded under the lock and kept current through a batch.

mod needs;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::policy::{DecideError, Decision};
use crate::{
    AddedBy, AuditEntry, Change, ClientId, Conversation, ConversationId, ConversationKind, Head,
    Intent, Invite, InviteCode, Member, MemberStatus, Message, MessageId, MsgNo, Outcome, Refusal,
    Timestamp, UserId, Username, policy,
};

pub use needs::Needs;

/// The data of an account that decisions need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountFacts {
    pub username: Username,
    pub active: bool,
    pub superuser: bool,
}

/// What decides whether adding a user to a group makes the user a member or invites the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdditionFacts {
    /// The user to add.
    pub user: UserId,
    pub added_by: AddedBy,
    /// Whether the user who adds is an acquaintance ([`AddedBy::Acquaintances`]).
    pub is_acquaintance: bool,
    /// The invitations that the user has neither accepted nor declined.
    pub invitations: usize,
}

/// One conversation under its lock.
#[derive(Debug, Clone)]
pub(crate) struct ConversationFacts {
    pub(crate) conversation: Arc<Conversation>,
    pub(crate) head: Head,
    owners: usize,
    members: HashMap<UserId, Member>,
    messages: HashMap<MessageId, Arc<Message>>,
    sent: HashMap<(UserId, ClientId), MessageId>,
    created: Vec<MessageId>,
    updated: BTreeSet<MessageId>,
    changed_members: BTreeSet<UserId>,
    /// Read markers moved by sending or joining.
    markers: BTreeMap<UserId, MsgNo>,
    is_altered: bool,
    is_moved: bool,
}

/// An account that a name may mean, with its member row if any.
pub(crate) type Named<'a> = (UserId, &'a Username, Option<&'a Member>);

/// The policy asked for a fact that [`Needs`] did not name: a bug in the program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a fact was not loaded: {0}")]
pub struct FactNotLoaded(String);

/// The data to decide a batch of intents.
///
/// [`Self::mark_loaded`] must declare every fact, whether it exists or not. A decision that asks
/// for another fact fails with [`FactNotLoaded`].
#[derive(Debug, Clone, Default)]
pub struct Facts {
    loaded: Needs,
    /// Blocker and possibly blocked user.
    loaded_blocks: BTreeSet<(UserId, UserId)>,
    accounts: HashMap<UserId, AccountFacts>,
    /// By [`Username::key`].
    names: HashMap<String, BTreeSet<UserId>>,
    conversations: HashMap<ConversationId, ConversationFacts>,
    invites: HashMap<InviteCode, Invite>,
    /// Blocker and blocked user.
    blocks: HashSet<(UserId, UserId)>,
    /// By the added user and the one who adds.
    additions: HashMap<(UserId, UserId), AdditionFacts>,
    free_ids: VecDeque<MessageId>,
    used_invites: BTreeSet<InviteCode>,
    audits: Vec<AuditEntry>,
}

impl Facts {
    /// `free_ids` supplies ids for new messages, one per send: ascending, and above all messages
    /// of the conversations that will be added.
    #[must_use]
    pub fn new(free_ids: impl IntoIterator<Item = MessageId>) -> Self {
        Self { free_ids: free_ids.into_iter().collect(), ..Self::default() }
    }

    /// Declares that all of this was looked up, and added if it exists.
    pub fn mark_loaded(&mut self, needs: Needs) {
        self.loaded_blocks = self.blocks_to_load(&needs);
        self.loaded = needs;
    }

    pub fn add_account(&mut self, id: UserId, facts: AccountFacts) {
        self.names.entry(facts.username.key()).or_default().insert(id);
        self.accounts.insert(id, facts);
    }

    /// Adds a conversation; call this before adding its members and messages. `owners` counts its
    /// owners ([`policy::is_acting_owner`]); it may be 0 unless [`Needs::owner_counts`] asks for it.
    pub fn add_conversation(&mut self, conversation: Conversation, head: Head, owners: usize) {
        let id = conversation.id;
        let facts = ConversationFacts {
            conversation: Arc::new(conversation),
            head,
            owners,
            members: HashMap::new(),
            messages: HashMap::new(),
            sent: HashMap::new(),
            created: Vec::new(),
            updated: BTreeSet::new(),
            changed_members: BTreeSet::new(),
            markers: BTreeMap::new(),
            is_altered: false,
            is_moved: false,
        };
        self.conversations.insert(id, facts);
    }

    /// Adds a member row; its conversation must have been added.
    pub fn add_member(&mut self, member: Member) {
        if let Some(facts) = self.conversations.get_mut(&member.conversation) {
            facts.members.insert(member.user, member);
        }
    }

    /// Adds a message; its conversation must have been added.
    pub fn add_message(&mut self, message: Arc<Message>) {
        if let Some(facts) = self.conversations.get_mut(&message.conversation) {
            facts.add_message(message);
        }
    }

    pub fn add_invite(&mut self, invite: Invite) {
        self.invites.insert(invite.code, invite);
    }

    pub fn add_block(&mut self, by: UserId, blocked: UserId) {
        self.blocks.insert((by, blocked));
    }

    pub fn add_addition(&mut self, by: UserId, facts: AdditionFacts) {
        self.additions.insert((facts.user, by), facts);
    }

    /// Adds the makers of the loaded invitations to `needs`, because an invitation counts only while
    /// its maker may give it. Call this before loading accounts and members.
    pub fn add_makers(&self, needs: &mut Needs) {
        for invite in self.invites.values() {
            needs.add_user(invite.conversation, invite.created_by);
        }
    }

    /// Returns the blocks to look up, each as a possible blocker and the user it may block. Call
    /// this after adding the conversations and messages.
    #[must_use]
    pub fn blocks_to_load(&self, needs: &Needs) -> BTreeSet<(UserId, UserId)> {
        let directs = needs.writes.iter().filter_map(|(conversation, actor)| {
            match self.conversations.get(conversation)?.conversation.kind {
                ConversationKind::Direct(pair) => Some((pair.other_than(*actor), *actor)),
                ConversationKind::Lobby | ConversationKind::Group => None,
            }
        });
        let authors = needs.seen.iter().filter_map(|(conversation, actor, message)| {
            let facts = self.conversations.get(conversation)?;
            let author = facts.messages.get(message)?.author.id;
            (author != *actor).then_some((*actor, author))
        });
        directs.chain(authors).chain(needs.additions.iter().copied()).collect()
    }

    pub(crate) fn account(&self, id: UserId) -> Result<Option<&AccountFacts>, FactNotLoaded> {
        known(self.accounts.get(&id), self.loaded.accounts.contains(&id), "account", id)
    }

    pub(crate) fn conversation(
        &self,
        id: ConversationId,
    ) -> Result<Option<&ConversationFacts>, FactNotLoaded> {
        let is_loaded = self.loaded.conversations.contains(&id);
        known(self.conversations.get(&id), is_loaded, "conversation", id)
    }

    pub(crate) fn owners(&self, facts: &ConversationFacts) -> Result<usize, FactNotLoaded> {
        let id = facts.conversation.id;
        known(facts.owners, self.loaded.owner_counts.contains(&id), "owner count of", id)
    }

    pub(crate) fn member<'a>(
        &self,
        facts: &'a ConversationFacts,
        user: UserId,
    ) -> Result<Option<&'a Member>, FactNotLoaded> {
        let key = (facts.conversation.id, user);
        known(facts.members.get(&user), self.loaded.members.contains(&key), "member", key)
    }

    /// Returns the active accounts whose names are equal to this one.
    pub(crate) fn named<'a>(
        &'a self,
        facts: &'a ConversationFacts,
        name: &Username,
    ) -> Result<Vec<Named<'a>>, FactNotLoaded> {
        let key = (facts.conversation.id, name.key());
        let users = self.names.get(&key.1).into_iter().flatten();
        let found = users.filter_map(|user| {
            let account = self.accounts.get(user).filter(|account| account.active)?;
            Some((*user, &account.username, facts.members.get(user)))
        });
        known(found.collect(), self.loaded.names.contains(&key), "name", key)
    }

    pub(crate) fn message<'a>(
        &self,
        facts: &'a ConversationFacts,
        id: MessageId,
    ) -> Result<Option<&'a Arc<Message>>, FactNotLoaded> {
        known(facts.messages.get(&id), self.loaded.messages.contains(&id), "message", id)
    }

    /// Returns the message that a user sent with this client id.
    pub(crate) fn sent<'a>(
        &self,
        facts: &'a ConversationFacts,
        user: UserId,
        client_id: ClientId,
    ) -> Result<Option<&'a Arc<Message>>, FactNotLoaded> {
        let found = facts.sent.get(&(user, client_id)).and_then(|id| facts.messages.get(id));
        let key = (facts.conversation.id, user, client_id);
        known(found, self.loaded.sends.contains(&key), "message by client id", key)
    }

    pub(crate) fn invite(&self, code: InviteCode) -> Result<Option<&Invite>, FactNotLoaded> {
        known(self.invites.get(&code), self.loaded.invites.contains(&code), "invitation", code)
    }

    /// Returns whether `by` blocks `user`.
    pub(crate) fn is_blocked(&self, by: UserId, user: UserId) -> Result<bool, FactNotLoaded> {
        let key = (by, user);
        known(self.blocks.contains(&key), self.loaded_blocks.contains(&key), "block", key)
    }

    pub(crate) fn addition(
        &self,
        user: UserId,
        by: UserId,
    ) -> Result<Option<&AdditionFacts>, FactNotLoaded> {
        let key = (user, by);
        known(self.additions.get(&key), self.loaded.additions.contains(&key), "addition", key)
    }

    /// Returns whether a user blocks the author of a message. A message of the same batch counts as
    /// hidden, because nobody else can know its id yet.
    pub(crate) fn is_by_blocked(
        &self,
        facts: &ConversationFacts,
        user: UserId,
        message: &Message,
    ) -> Result<bool, FactNotLoaded> {
        let author = message.author.id;
        let is_new = facts.created.contains(&message.id);
        if author == user || (is_new && !self.loaded_blocks.contains(&(user, author))) {
            return Ok(author != user);
        }
        self.is_blocked(user, author)
    }

    pub(crate) fn free_id(&self) -> Result<MessageId, FactNotLoaded> {
        let free = self.free_ids.front().copied();
        free.ok_or_else(|| FactNotLoaded("an id for a new message".to_owned()))
    }

    /// Decides every intent in order; each sees the changes of earlier ones. After an error
    /// nothing may be written.
    pub fn decide_all(
        &mut self,
        intents: &[Intent],
        now: Timestamp,
    ) -> Result<Vec<Result<Outcome, Refusal>>, FactNotLoaded> {
        let decide = |intent| match policy::decide(intent, self, now) {
            Ok(Decision { outcome, audit }) => {
                self.audits.extend(audit);
                if let Outcome::Applied(change) = &outcome {
                    self.apply(intent, change);
                }
                Ok(Ok(outcome))
            }
            Err(DecideError::Refused(refusal)) => Ok(Err(refusal)),
            Err(DecideError::NotLoaded(fact)) => Err(fact),
        };
        intents.iter().map(decide).collect()
    }

    fn apply(&mut self, intent: &Intent, change: &Change) {
        let is_active = |user| self.accounts.get(user).is_some_and(|account| account.active);
        let Some(facts) = self.conversations.get_mut(&change.conversation()) else { return };
        facts.head.seq = change.seq();
        facts.is_moved = true;
        match change {
            Change::Message(message) => {
                if facts.apply_message(message) {
                    self.free_ids.pop_front();
                }
            }
            Change::Member(member) => {
                facts.apply_member(member, is_active(&member.user));
                if member.status == MemberStatus::Invited {
                    let of_user = self.additions.values_mut().filter(|a| a.user == member.user);
                    of_user.for_each(|addition| addition.invitations += 1);
                }
            }
            Change::Conversation(conversation) => {
                facts.conversation = Arc::clone(conversation);
                facts.is_altered = true;
            }
        }
        if let crate::Action::Join { invite } = &intent.action
            && let Some(invite) = self.invites.get_mut(invite)
        {
            invite.uses = invite.uses.saturating_add(1);
            self.used_invites.insert(invite.code);
        }
    }
}

impl ConversationFacts {
    fn add_message(&mut self, message: Arc<Message>) {
        self.sent.insert((message.author.id, message.client_id), message.id);
        self.messages.insert(message.id, message);
    }

    /// Returns whether the message is new.
    fn apply_message(&mut self, message: &Arc<Message>) -> bool {
        self.head.last_at =
            [message.deleted_at, message.edited_at, message.pinned_at, Some(message.created_at)]
                .into_iter()
                .flatten()
                .fold(self.head.last_at, Timestamp::max);
        let is_new = message.seq_created == message.seq_last;
        if is_new {
            self.head.msg_no = message.msg_no;
            self.created.push(message.id);
            if self.members.contains_key(&message.author.id) {
                self.markers.insert(message.author.id, message.msg_no);
            }
        } else if !self.created.contains(&message.id) {
            self.updated.insert(message.id);
        }
        self.add_message(Arc::clone(message));
        is_new
    }

    /// Whether this batch creates the first message, with which a direct conversation is listed.
    fn has_first_message(&self) -> bool {
        let created = self.created.iter().filter_map(|id| self.messages.get(id));
        created.into_iter().any(|message| message.msg_no == MsgNo::FIRST)
    }

    fn apply_member(&mut self, member: &Member, is_account_active: bool) {
        let before = self.members.insert(member.user, member.clone());
        let owns = |member: &Member| policy::is_acting_owner(member, is_account_active);
        match (before.as_ref().is_some_and(owns), owns(member)) {
            (true, false) => self.owners = self.owners.saturating_sub(1),
            (false, true) => self.owners += 1,
            _ => {}
        }
        // New members start without unread messages.
        if !before.is_some_and(|before| before.is_active()) {
            self.markers.insert(member.user, self.head.msg_no);
        }
        self.changed_members.insert(member.user);
    }
}

/// Returns `found`, if it was declared as loaded. Checks even facts that are present, so that a
/// store that loads too much cannot hide an omission in [`Needs`].
fn known<T>(
    found: T,
    is_loaded: bool,
    what: &str,
    id: impl std::fmt::Debug,
) -> Result<T, FactNotLoaded> {
    if is_loaded { Ok(found) } else { Err(FactNotLoaded(format!("{what} {id:?}"))) }
}

/// The rows that a batch must write, each once in its final form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Writes {
    pub heads: Vec<Head>,
    pub conversations: Vec<Arc<Conversation>>,
    /// New messages, ascending by id.
    pub created: Vec<Arc<Message>>,
    pub updated: Vec<Arc<Message>>,
    /// Member rows to insert or replace.
    pub members: Vec<Member>,
    /// Read markers to move at least this far; their members have rows.
    pub markers: Vec<(ConversationId, UserId, MsgNo)>,
    /// Accounts whose inbox versions rise, because what their lists show has changed.
    pub inboxes: BTreeSet<UserId>,
    /// Invitations with a changed use count.
    pub invites: Vec<Invite>,
    pub audits: Vec<AuditEntry>,
}

impl Facts {
    /// Returns the rows to write now.
    #[must_use]
    pub fn writes(&self) -> Writes {
        let used = self.used_invites.iter().filter_map(|code| self.invites.get(code));
        let mut writes = Writes {
            invites: used.copied().collect(),
            audits: self.audits.clone(),
            ..Writes::default()
        };
        for facts in self.conversations.values() {
            let message = |id| facts.messages.get(id).cloned();
            writes.created.extend(facts.created.iter().filter_map(message));
            writes.updated.extend(facts.updated.iter().filter_map(message));
            let members = facts.changed_members.iter();
            writes.members.extend(members.filter_map(|user| facts.members.get(user)).cloned());
            let id = facts.conversation.id;
            writes.markers.extend(facts.markers.iter().map(|(user, no)| (id, *user, *no)));
            writes.inboxes.extend(&facts.changed_members);
            if let ConversationKind::Direct(pair) = facts.conversation.kind
                && facts.has_first_message()
            {
                writes.inboxes.extend([pair.low(), pair.high()]);
            }
            if facts.is_altered {
                writes.conversations.push(Arc::clone(&facts.conversation));
            }
            if facts.is_moved {
                writes.heads.push(facts.head);
            }
        }
        writes.created.sort_by_key(|message| message.id);
        writes.members.sort_by_key(|member| (member.conversation, member.user));
        writes.markers.sort_unstable();
        writes
    }
}
