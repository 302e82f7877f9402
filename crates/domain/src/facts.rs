//! What the policy judges by: loaded under the lock, kept current through a batch.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use crate::{
    Action, Change, ClientId, Conversation, ConversationId, Head, Intent, Member, Message,
    MessageId, Outcome, Refusal, Timestamp, UserId, Username, policy,
};

/// What has to be loaded before a batch of intents can be judged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Conversations with their heads; to be locked in this order.
    pub conversations: BTreeSet<ConversationId>,
    /// Conversations whose active owners have to be counted.
    pub owner_counts: BTreeSet<ConversationId>,
    /// Accounts that act or are acted upon.
    pub accounts: BTreeSet<UserId>,
    /// Members, where there is a row.
    pub members: BTreeSet<(ConversationId, UserId)>,
    /// Messages by id; those of other conversations do no harm.
    pub messages: BTreeSet<MessageId>,
    /// Messages by what their senders call them.
    pub sends: BTreeSet<(ConversationId, UserId, ClientId)>,
}

impl Needs {
    /// Of these intents.
    #[must_use]
    pub fn of(intents: &[Intent]) -> Self {
        let mut needs = Self::default();
        for Intent { conversation, actor, action } in intents {
            needs.conversations.insert(*conversation);
            needs.accounts.insert(*actor);
            needs.members.insert((*conversation, *actor));
            match action {
                Action::Send { client_id, .. } => {
                    needs.sends.insert((*conversation, *actor, *client_id));
                }
                Action::Edit { message, .. } | Action::Delete { message } => {
                    needs.messages.insert(*message);
                }
                Action::Leave => {
                    needs.owner_counts.insert(*conversation);
                }
                Action::Ban { user } => {
                    needs.owner_counts.insert(*conversation);
                    needs.accounts.insert(*user);
                    needs.members.insert((*conversation, *user));
                }
            }
        }
        needs
    }
}

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
    pub(crate) conversation: Conversation,
    pub(crate) head: Head,
    pub(crate) owners: usize,
    pub(crate) members: HashMap<UserId, Member>,
    pub(crate) messages: HashMap<MessageId, Arc<Message>>,
    sent: HashMap<(UserId, ClientId), MessageId>,
    created: Vec<MessageId>,
    updated: BTreeSet<MessageId>,
    changed_members: BTreeSet<UserId>,
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
    pub(crate) conversations: HashMap<ConversationId, ConversationFacts>,
    pub(crate) free_ids: VecDeque<MessageId>,
}

/// What a batch leaves to be written, each row once in its final form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Writes {
    /// Heads that moved.
    pub heads: Vec<Head>,
    /// New messages, ascending by id.
    pub created: Vec<Arc<Message>>,
    /// Messages that were there before.
    pub updated: Vec<Arc<Message>>,
    /// Member rows to be made or replaced.
    pub members: Vec<Member>,
}

impl Facts {
    /// Nothing yet. `free_ids` are for new messages: ascending, above those of
    /// all messages in the conversations to come, and one for each send.
    #[must_use]
    pub fn new(free_ids: impl IntoIterator<Item = MessageId>) -> Self {
        let free_ids = free_ids.into_iter().collect();
        Self { accounts: HashMap::new(), conversations: HashMap::new(), free_ids }
    }

    /// Adds an account.
    pub fn add_account(&mut self, id: UserId, facts: AccountFacts) {
        self.accounts.insert(id, facts);
    }

    /// Adds a conversation, before its members and messages.
    /// `owners` counts its active owners, and may be 0 if [`Needs::owner_counts`] did not ask.
    pub fn add_conversation(&mut self, conversation: Conversation, head: Head, owners: usize) {
        let facts = ConversationFacts {
            conversation,
            head,
            owners,
            members: HashMap::new(),
            messages: HashMap::new(),
            sent: HashMap::new(),
            created: Vec::new(),
            updated: BTreeSet::new(),
            changed_members: BTreeSet::new(),
        };
        self.conversations.insert(conversation.id, facts);
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

    /// Judges every intent in order, each seeing what those before it changed.
    pub fn carry_out(
        &mut self,
        intents: &[Intent],
        clock: Timestamp,
    ) -> Vec<Result<Outcome, Refusal>> {
        intents
            .iter()
            .map(|intent| {
                let outcome = policy::decide(intent, self, clock)?;
                if let Outcome::Applied(change) = &outcome {
                    self.apply(change);
                }
                Ok(outcome)
            })
            .collect()
    }

    fn apply(&mut self, change: &Change) {
        let Some(facts) = self.conversations.get_mut(&change.conversation()) else { return };
        facts.head.seq = change.seq();
        match change {
            Change::Message(message) => {
                facts.head.last_at =
                    [message.deleted_at, message.edited_at, Some(message.created_at)]
                        .into_iter()
                        .flatten()
                        .fold(facts.head.last_at, Timestamp::max);
                if message.seq_created == message.seq_last {
                    facts.head.msg_no = message.msg_no;
                    facts.created.push(message.id);
                    self.free_ids.pop_front();
                } else if !facts.created.contains(&message.id) {
                    facts.updated.insert(message.id);
                }
                facts.add_message(Arc::clone(message));
            }
            Change::Member(member) => {
                let was_owner =
                    facts.members.get(&member.user).is_some_and(Member::is_active_owner);
                match (was_owner, member.is_active_owner()) {
                    (true, false) => facts.owners = facts.owners.saturating_sub(1),
                    (false, true) => facts.owners += 1,
                    _ => {}
                }
                facts.members.insert(member.user, *member);
                facts.changed_members.insert(member.user);
            }
        }
    }

    /// What has to be written now.
    #[must_use]
    pub fn writes(&self) -> Writes {
        let mut writes = Writes::default();
        for facts in self.conversations.values() {
            let message = |id: &MessageId| facts.messages.get(id).cloned();
            let created = writes.created.len();
            writes.created.extend(facts.created.iter().filter_map(message));
            writes.updated.extend(facts.updated.iter().filter_map(message));
            let members = facts.changed_members.iter();
            writes.members.extend(members.filter_map(|user| facts.members.get(user)));
            let moved = writes.created.len() > created
                || !facts.updated.is_empty()
                || !facts.changed_members.is_empty();
            if moved {
                writes.heads.push(facts.head);
            }
        }
        writes.created.sort_by_key(|message| message.id);
        writes
    }
}
