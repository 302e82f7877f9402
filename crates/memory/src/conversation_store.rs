//! Conversations.

use std::sync::Arc;

use application::ports::{
    BackendError, ChangePage, ConversationStore, Heads, Snapshot, SnapshotLimit, StoreError,
};
use async_trait::async_trait;
use domain::{
    AccountFacts, Conversation, ConversationId, Epoch, Facts, Head, Intent, Member, Message,
    MessageId, Needs, NewConversation, Outcome, Refusal, Seq, UserId, Writes,
};

use crate::InMemoryChat;
use crate::chat::State;
use crate::room::Room;

#[async_trait]
impl ConversationStore for InMemoryChat {
    async fn commit(
        &self,
        intents: Vec<Intent>,
    ) -> Result<Vec<Result<Outcome, Refusal>>, StoreError> {
        let mut state = self.state();
        let mut facts = state.load(&Needs::of(&intents));
        let answers = facts.carry_out(&intents, self.clock.now());
        state.store(facts.writes());
        Ok(answers)
    }

    async fn create(&self, new: NewConversation) -> Result<ConversationId, StoreError> {
        let mut state = self.state();
        if new.members.iter().any(|(user, _)| !state.accounts.contains_key(user)) {
            let cause = BackendError::new("open a conversation", "a member has no account");
            return Err(StoreError::Failed(cause));
        }
        let last = state.rooms.last_key_value().map_or(0, |(id, _)| id.get());
        let id = ConversationId::new(last + 1);
        let mut room = Room::open(Conversation { id, kind: new.kind });
        for (user, role) in new.members {
            room.join(user, role);
        }
        state.rooms.insert(id, room);
        Ok(id)
    }

    async fn heads(&self, conversations: &[ConversationId]) -> Result<Heads, BackendError> {
        let state = self.state();
        let rooms = conversations.iter().filter_map(|id| state.rooms.get(id));
        Ok(Heads { epoch: state.epoch, heads: rooms.map(|room| room.head).collect() })
    }

    async fn changes_since(
        &self,
        conversation: ConversationId,
        since: Seq,
        limit: usize,
    ) -> Result<ChangePage, BackendError> {
        let state = self.state();
        Ok(match state.rooms.get(&conversation) {
            Some(room) => room.changes_since(since, limit),
            None => ChangePage { from: since, to: Seq::ZERO, changes: Vec::new(), more: false },
        })
    }

    async fn newest(
        &self,
        conversation: ConversationId,
        limit: SnapshotLimit,
    ) -> Result<Snapshot, BackendError> {
        let state = self.state();
        Ok(match state.rooms.get(&conversation) {
            Some(room) => room.newest(limit),
            None => Snapshot { head: Head::new(conversation), messages: Vec::new() },
        })
    }

    async fn message(
        &self,
        conversation: ConversationId,
        id: MessageId,
    ) -> Result<Option<Arc<Message>>, BackendError> {
        let state = self.state();
        let message = state.rooms.get(&conversation).and_then(|room| room.messages.get(&id));
        Ok(message.filter(|message| !message.is_deleted()).cloned())
    }

    async fn membership(
        &self,
        conversation: ConversationId,
        user: UserId,
    ) -> Result<Option<(Conversation, Option<Member>)>, BackendError> {
        let state = self.state();
        let room = state.rooms.get(&conversation);
        Ok(room.map(|room| (room.conversation, room.members.get(&user).copied())))
    }

    async fn new_epoch(&self, epoch: Epoch) -> Result<(), StoreError> {
        self.state().epoch = epoch;
        Ok(())
    }
}

impl State {
    fn load(&self, needs: &Needs) -> Facts {
        let mut facts = Facts::new(self.free_ids().take(needs.sends.len()));
        for id in &needs.accounts {
            if let Some(stored) = self.accounts.get(id) {
                let account = &stored.account;
                let username = account.username.clone();
                let (active, superuser) = (account.active, account.superuser);
                facts.add_account(*id, AccountFacts { username, active, superuser });
            }
        }
        for id in &needs.conversations {
            if let Some(room) = self.rooms.get(id) {
                facts.add_conversation(room.conversation, room.head, room.owners());
                let messages = needs.messages.iter().filter_map(|id| room.messages.get(id));
                messages.for_each(|message| facts.add_message(Arc::clone(message)));
            }
        }
        for (id, user) in &needs.members {
            if let Some(member) = self.rooms.get(id).and_then(|room| room.members.get(user)) {
                facts.add_member(*member);
            }
        }
        for (id, user, client_id) in &needs.sends {
            if let Some(message) = self.rooms.get(id).and_then(|room| {
                room.sent.get(&(*user, *client_id)).and_then(|id| room.messages.get(id))
            }) {
                facts.add_message(Arc::clone(message));
            }
        }
        facts
    }

    fn store(&mut self, writes: Writes) {
        if let Some(newest) = writes.created.last() {
            self.next_message_id = MessageId::new(newest.id.get() + 1);
        }
        for message in writes.created.into_iter().chain(writes.updated) {
            if let Some(room) = self.rooms.get_mut(&message.conversation) {
                room.put_message(message);
            }
        }
        for member in writes.members {
            if let Some(room) = self.rooms.get_mut(&member.conversation) {
                room.put_member(member);
            }
        }
        for head in writes.heads {
            if let Some(room) = self.rooms.get_mut(&head.conversation) {
                room.head = head;
            }
        }
    }
}
