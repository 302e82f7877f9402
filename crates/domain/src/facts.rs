//! What the policy judges by: loaded under the lock, kept current through a batch.

mod needs;
mod writes;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::policy::Decision;
use crate::{
    AuditEntry, Change, ClientId, Conversation, ConversationId, ConversationKind, Head, Intent,
    Invite, InviteCode, Member, Message, MessageId, MsgNo, Outcome, Refusal, Timestamp, UserId,
    Username, policy,
};

pub use needs::Needs;
pub use writes::Writes;

/// What an account may do at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountFacts {
    /// Shown with what it writes.
    pub username: Username,
    /// May act.
    pub active: bool,
    /// May moderate.
    pub superuser: bool,
}

/// One conversation under its lock.
#[derive(Debug, Clone)]
pub(crate) struct ConversationFacts {
    pub(crate) conversation: Arc<Conversation>,
    pub(crate) head: Head,
    pub(crate) owners: usize,
    pub(crate) members: HashMap<UserId, Member>,
    pub(crate) messages: HashMap<MessageId, Arc<Message>>,
    sent: HashMap<(UserId, ClientId), MessageId>,
    created: Vec<MessageId>,
    updated: BTreeSet<MessageId>,
    changed_members: BTreeSet<UserId>,
    /// Up to where these have read by what they did.
    markers: BTreeMap<UserId, MsgNo>,
    is_altered: bool,
    is_moved: bool,
}

impl ConversationFacts {
    pub(crate) fn sent(&self, user: UserId, client_id: ClientId) -> Option<&Arc<Message>> {
        self.sent.get(&(user, client_id)).and_then(|id| self.messages.get(id))
    }

    fn add_message(&mut self, message: Arc<Message>) {
        self.sent.insert((message.author.id, message.client_id), message.id);
        self.messages.insert(message.id, message);
    }
}

/// Everything that a batch of intents is judged by.
#[derive(Debug, Clone)]
pub struct Facts {
    pub(crate) accounts: HashMap<UserId, AccountFacts>,
    pub(crate) names: HashMap<Username, UserId>,
    pub(crate) conversations: HashMap<ConversationId, ConversationFacts>,
    pub(crate) invites: HashMap<InviteCode, Invite>,
    /// Who blocked whom.
    pub(crate) blocks: HashSet<(UserId, UserId)>,
    pub(crate) free_ids: VecDeque<MessageId>,
    used_invites: BTreeSet<InviteCode>,
    audits: Vec<AuditEntry>,
}

impl Facts {
    /// Nothing yet. `free_ids` are for new messages: ascending, above those of
    /// all messages in the conversations to come, and one for each send.
    #[must_use]
    pub fn new(free_ids: impl IntoIterator<Item = MessageId>) -> Self {
        Self {
            accounts: HashMap::new(),
            names: HashMap::new(),
            conversations: HashMap::new(),
            invites: HashMap::new(),
            blocks: HashSet::new(),
            free_ids: free_ids.into_iter().collect(),
            used_invites: BTreeSet::new(),
            audits: Vec::new(),
        }
    }

    /// Adds an account.
    pub fn add_account(&mut self, id: UserId, facts: AccountFacts) {
        self.names.insert(facts.username.clone(), id);
        self.accounts.insert(id, facts);
    }

    /// Adds a conversation, before its members and messages.
    /// `owners` counts its active owners, and may be 0 if [`Needs::owner_counts`] did not ask.
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

    /// Adds a member row of a conversation added before.
    pub fn add_member(&mut self, member: Member) {
        if let Some(facts) = self.conversations.get_mut(&member.conversation) {
            facts.members.insert(member.user, member);
        }
    }

    /// Adds a message of a conversation added before.
    pub fn add_message(&mut self, message: Arc<Message>) {
        if let Some(facts) = self.conversations.get_mut(&message.conversation) {
            facts.add_message(message);
        }
    }

    /// Adds an invitation.
    pub fn add_invite(&mut self, invite: Invite) {
        self.invites.insert(invite.code, invite);
    }

    /// Adds that `by` wants no direct messages from `blocked`.
    pub fn add_block(&mut self, by: UserId, blocked: UserId) {
        self.blocks.insert((by, blocked));
    }

    /// All blocks that have to be known, once the conversations are: each a
    /// possible blocker, and whom it may block.
    #[must_use]
    pub fn blocks_to_ask(&self, needs: &Needs) -> BTreeSet<(UserId, UserId)> {
        let directs = needs.writes.iter().filter_map(|(conversation, actor)| {
            match self.conversations.get(conversation)?.conversation.kind {
                ConversationKind::Direct(pair) => Some((pair.other_than(*actor), *actor)),
                ConversationKind::Lobby | ConversationKind::Group => None,
            }
        });
        directs.chain(needs.blocks.iter().copied()).collect()
    }

    /// Judges every intent in order, each seeing what those before it changed.
    pub fn decide_all(
        &mut self,
        intents: &[Intent],
        clock: Timestamp,
    ) -> Vec<Result<Outcome, Refusal>> {
        intents
            .iter()
            .map(|intent| {
                let Decision { outcome, audit } = policy::decide(intent, self, clock)?;
                self.audits.extend(audit);
                if let Outcome::Applied(change) = &outcome {
                    self.apply(intent, change);
                }
                Ok(outcome)
            })
            .collect()
    }

    fn apply(&mut self, intent: &Intent, change: &Change) {
        let Some(facts) = self.conversations.get_mut(&change.conversation()) else { return };
        facts.head.seq = change.seq();
        facts.is_moved = true;
        match change {
            Change::Message(message) => {
                if facts.apply_message(message) {
                    self.free_ids.pop_front();
                }
            }
            Change::Member(member) => facts.apply_member(member),
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
    /// Says whether the message is new.
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

    fn apply_member(&mut self, member: &Member) {
        let before = self.members.insert(member.user, member.clone());
        let was_owner = before.as_ref().is_some_and(Member::is_active_owner);
        match (was_owner, member.is_active_owner()) {
            (true, false) => self.owners = self.owners.saturating_sub(1),
            (false, true) => self.owners += 1,
            _ => {}
        }
        // Who comes has nothing to read yet.
        if !before.is_some_and(|before| before.is_active()) {
            self.markers.insert(member.user, self.head.msg_no);
        }
        self.changed_members.insert(member.user);
    }
}
