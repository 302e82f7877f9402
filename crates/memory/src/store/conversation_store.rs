//! Conversations, with their search, invitations and audit log.

use std::sync::Arc;

use application::ports::{
    AuditId, AuditLog, BackendError, ChangePage, ConversationStore, ConversationView, Heads,
    InviteStore, MessagePage, PageRange, PinPage, SearchIndex, SearchPage, SearchRequest, Snapshot,
    SnapshotLimit, StoreError, StoredAccount,
};
use async_trait::async_trait;
use domain::{
    Account, AccountFacts, AuditEntry, Conversation, ConversationId, ConversationKind, Details,
    Epoch, Facts, FirstMember, Head, Intent, Invite, InviteCode, Member, MemberStatus, Message,
    MessageId, MsgNo, Needs, NewGroup, Outcome, Pair, Refusal, Role, Seq, Timestamp, UserId,
    Viewer, Writes, policy,
};

use super::conversation::{StoredConversation, first_page};
use super::state::State;
use crate::store::InMemoryChat;

#[async_trait]
impl ConversationStore for InMemoryChat {
    async fn commit(
        &self,
        intents: Vec<Intent>,
    ) -> Result<Vec<Result<Outcome, Refusal>>, StoreError> {
        let mut state = self.state();
        let mut facts = state.load(Needs::of(&intents));
        let answers = facts.decide_all(&intents, self.clock.now());
        let failed = |fact| StoreError::Failed(BackendError::new("decide a batch", fact));
        let answers = answers.map_err(failed)?;
        state.store(facts.writes());
        Ok(answers)
    }

    async fn create_group(
        &self,
        new: NewGroup,
    ) -> Result<Result<(ConversationId, bool), Refusal>, StoreError> {
        let mut state = self.state();
        if let Some(known) = state.created_group(&new) {
            return Ok(known.map(|known| (known, false)));
        }
        let (key, hash) = ((new.creator, new.client_id), new.hash());
        let kind = ConversationKind::Group;
        let id = state.open(kind, new.details.clone(), new.first_members(), self.clock.now())?;
        for (user, _) in &new.members {
            state.raise_inbox_version(*user);
        }
        state.created_groups.insert(key, (id, hash));
        Ok(Ok((id, true)))
    }

    async fn created_group(
        &self,
        again: &NewGroup,
    ) -> Result<Option<Result<ConversationId, Refusal>>, BackendError> {
        Ok(self.state().created_group(again))
    }

    async fn open_direct(&self, pair: Pair) -> Result<(ConversationId, bool), StoreError> {
        let mut state = self.state();
        if let Some(known) = state.directs.get(&pair) {
            return Ok((*known, false));
        }
        let members = [pair.low(), pair.high()].map(|user| FirstMember::active(user, Role::Member));
        let kind = ConversationKind::Direct(pair);
        let id = state.open(kind, Details::default(), members.into_iter(), self.clock.now())?;
        state.directs.insert(pair, id);
        Ok((id, true))
    }

    async fn heads(&self, conversations: &[ConversationId]) -> Result<Heads, BackendError> {
        let state = self.state();
        let conversations = conversations.iter().filter_map(|id| state.conversations.get(id));
        Ok(Heads { epoch: state.epoch, heads: conversations.map(|stored| stored.head).collect() })
    }

    async fn changes_since(
        &self,
        conversation: ConversationId,
        since: Seq,
        limit: usize,
    ) -> Result<ChangePage, BackendError> {
        let state = self.state();
        Ok(match state.conversations.get(&conversation) {
            Some(stored) => stored.changes_since(since, limit),
            None => ChangePage { from: since, to: Seq::ZERO, changes: Vec::new(), more: false },
        })
    }

    async fn newest(
        &self,
        conversation: ConversationId,
        limit: SnapshotLimit,
    ) -> Result<Snapshot, BackendError> {
        let state = self.state();
        Ok(match state.conversations.get(&conversation) {
            Some(stored) => stored.newest(limit),
            None => Snapshot { head: Head::new(conversation), messages: Vec::new() },
        })
    }

    async fn message(
        &self,
        conversation: ConversationId,
        id: MessageId,
    ) -> Result<Option<Arc<Message>>, BackendError> {
        let state = self.state();
        let message =
            state.conversations.get(&conversation).and_then(|stored| stored.messages.get(&id));
        Ok(message.filter(|message| !message.is_deleted()).cloned())
    }

    async fn page(
        &self,
        conversation: ConversationId,
        range: PageRange,
        limit: usize,
    ) -> Result<MessagePage, BackendError> {
        let state = self.state();
        Ok(match state.conversations.get(&conversation) {
            Some(stored) => stored.page(range, limit),
            None => MessagePage { head: Head::new(conversation), messages: vec![], more: false },
        })
    }

    async fn pinned(
        &self,
        conversation: ConversationId,
        hidden: MsgNo,
        before: Option<Timestamp>,
        limit: usize,
    ) -> Result<PinPage, BackendError> {
        let state = self.state();
        let stored = state.conversations.get(&conversation);
        Ok(stored.map(|stored| stored.pinned(hidden, before, limit)).unwrap_or_default())
    }

    async fn reacted_by(
        &self,
        conversation: ConversationId,
        user: UserId,
        limit: usize,
    ) -> Result<Vec<MessageId>, BackendError> {
        let state = self.state();
        let stored = state.conversations.get(&conversation);
        let messages = stored.into_iter().flat_map(|stored| stored.messages.values());
        let reacted = messages
            .filter(|message| message.reactions.iter().any(|all| all.users.contains(&user)));
        Ok(reacted.map(|message| message.id).take(limit).collect())
    }

    async fn members(
        &self,
        conversation: ConversationId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Member>, BackendError> {
        let state = self.state();
        let members =
            state.conversations.get(&conversation).into_iter().flat_map(|r| r.members.values());
        let members = members.filter(|member| after.is_none_or(|after| member.user > after));
        Ok(members.take(limit).cloned().collect())
    }

    async fn view(
        &self,
        conversation: ConversationId,
        user: UserId,
    ) -> Result<Option<ConversationView>, BackendError> {
        let state = self.state();
        let stored = state.conversations.get(&conversation);
        Ok(stored.map(|stored| {
            let member = stored.members.get(&user);
            ConversationView {
                epoch: state.epoch,
                conversation: Conversation::clone(&stored.conversation),
                head: stored.head,
                member: member.cloned(),
                blocked: state.blocked_by(user),
                view_version: state.view_version(user, stored),
                hides_presence: state.hides_presence(user),
            }
        }))
    }

    async fn search(
        &self,
        search: SearchRequest,
        limit: usize,
    ) -> Result<SearchPage, BackendError> {
        Ok(self.state().search(&search, limit))
    }

    async fn new_epoch(&self, epoch: Epoch) -> Result<(), StoreError> {
        self.state().epoch = epoch;
        Ok(())
    }
}

impl State {
    fn load(&self, mut needs: Needs) -> Facts {
        let mut facts = Facts::new(self.free_ids().take(needs.sends.len()));
        let invites = needs.invites.iter().filter_map(|code| self.invites.get(code));
        invites.for_each(|invite| facts.add_invite(*invite));
        facts.add_makers(&mut needs);
        for stored in needs.accounts.iter().filter_map(|id| self.accounts.get(id)) {
            facts.add_account(stored.account.id, account_facts(&stored.account));
        }
        for id in &needs.conversations {
            if let Some(stored) = self.conversations.get(id) {
                let conversation = Conversation::clone(&stored.conversation);
                let owns = |member: &&Member| {
                    let account = self.accounts.get(&member.user);
                    let is_active = account.is_some_and(|stored| stored.account.active);
                    policy::is_acting_owner(member, is_active)
                };
                let owners = stored.members.values().filter(owns).count();
                facts.add_conversation(conversation, stored.head, owners);
                let messages = needs.messages.iter().filter_map(|id| stored.messages.get(id));
                messages.for_each(|message| facts.add_message(Arc::clone(message)));
            }
        }
        for (id, user) in &needs.members {
            if let Some(member) =
                self.conversations.get(id).and_then(|stored| stored.members.get(user))
            {
                facts.add_member(member.clone());
            }
        }
        self.load_names(&needs, &mut facts);
        for (by, blocked) in facts.blocks_to_load(&needs) {
            if self.blocks.contains(&(by, blocked)) {
                facts.add_block(by, blocked);
            }
        }
        for (user, by) in &needs.additions {
            if let Some(addition) = self.addition(*by, *user) {
                facts.add_addition(*by, addition);
            }
        }
        for (id, user, client_id) in &needs.sends {
            if let Some(message) = self.conversations.get(id).and_then(|stored| {
                stored.sent.get(&(*user, *client_id)).and_then(|id| stored.messages.get(id))
            }) {
                facts.add_message(Arc::clone(message));
            }
        }
        facts.mark_loaded(needs);
        facts
    }

    /// Loads the accounts that may be mentioned, with their member rows.
    fn load_names(&self, needs: &Needs, facts: &mut Facts) {
        for (conversation, key) in &needs.names {
            let members = self.conversations.get(conversation).map(|stored| &stored.members);
            let named = self.accounts.values().filter(|it| it.account.username.key() == *key);
            for StoredAccount { account, .. } in named {
                facts.add_account(account.id, account_facts(account));
                if let Some(member) = members.and_then(|members| members.get(&account.id)) {
                    facts.add_member(member.clone());
                }
            }
        }
    }

    fn created_group(&self, again: &NewGroup) -> Option<Result<ConversationId, Refusal>> {
        let (id, hash) = self.created_groups.get(&(again.creator, again.client_id))?;
        Some(again.check_retry(*hash).map(|()| *id))
    }

    fn open(
        &mut self,
        kind: ConversationKind,
        details: Details,
        members: impl Iterator<Item = FirstMember>,
        now: Timestamp,
    ) -> Result<ConversationId, StoreError> {
        let last = self.conversations.last_key_value().map_or(0, |(id, _)| id.get());
        let id = ConversationId::new(last + 1);
        let mut stored = StoredConversation::open(Conversation::new(id, kind, details));
        stored.head.last_at = now;
        for member in members {
            let username = self.username(member.user).ok_or_else(|| {
                let cause = BackendError::new("open a conversation", "a member has no account");
                StoreError::Failed(cause)
            })?;
            stored.join(member, username);
        }
        self.conversations.insert(id, stored);
        Ok(id)
    }

    fn store(&mut self, writes: Writes) {
        for conversation in writes.conversations {
            let is_deleted = conversation.deleted_at.is_some();
            let Some(stored) = self.conversations.get_mut(&conversation.id) else { continue };
            let members = stored.members.values();
            let invited = members.filter(|it| is_deleted && it.status == MemberStatus::Invited);
            // Their invitations end, and they do not follow the conversation.
            let invited: Vec<UserId> = invited.map(|member| member.user).collect();
            stored.put_conversation(conversation);
            for user in invited {
                self.raise_inbox_version(user);
            }
        }
        self.invites.extend(writes.invites.into_iter().map(|invite| (invite.code, invite)));
        self.audits.extend(writes.audits);
        if let Some(newest) = writes.created.last() {
            self.next_message_id = MessageId::new(newest.id.get() + 1);
        }
        for message in writes.created.into_iter().chain(writes.updated) {
            if let Some(stored) = self.conversations.get_mut(&message.conversation) {
                stored.put_message(message);
            }
        }
        for user in writes.inboxes {
            self.raise_inbox_version(user);
        }
        for member in writes.members {
            if let Some(stored) = self.conversations.get_mut(&member.conversation) {
                stored.put_member(member);
            }
        }
        for (conversation, user, up_to) in writes.markers {
            if let Some(stored) = self.conversations.get_mut(&conversation) {
                stored.mark_read(user, up_to);
            }
        }
        for head in writes.heads {
            if let Some(stored) = self.conversations.get_mut(&head.conversation) {
                stored.head = head;
            }
        }
    }

    pub(crate) fn search(&self, search: &SearchRequest, limit: usize) -> SearchPage {
        let conversations = search
            .within
            .iter()
            .filter_map(|(id, viewer)| Some((self.conversations.get(id)?, viewer)));
        let found = conversations.flat_map(|(stored, viewer)| found(stored, viewer, search));
        let mut all: Vec<&Arc<Message>> = found.collect();
        all.sort_by_key(|message| std::cmp::Reverse(message.id));
        let messages = first_page(&all, limit);
        let last = messages.last().filter(|_| messages.len() < all.len());
        SearchPage { next: last.map(|message| message.id), messages }
    }
}

fn account_facts(account: &Account) -> AccountFacts {
    AccountFacts {
        username: account.username.clone(),
        active: account.active,
        superuser: account.superuser,
    }
}

fn found<'a>(
    stored: &'a StoredConversation,
    viewer: &'a Viewer,
    search: &'a SearchRequest,
) -> impl Iterator<Item = &'a Arc<Message>> {
    stored.messages.values().filter(|message| {
        !message.is_deleted()
            && search.before.is_none_or(|before| message.id < before)
            && viewer.sees(message)
            && search.query.finds(message.body.as_str())
    })
}

/// Searches read the messages themselves.
#[async_trait]
impl SearchIndex for InMemoryChat {
    async fn index_new(&self, _limit: usize) -> Result<usize, StoreError> {
        Ok(0)
    }
}

#[async_trait]
impl InviteStore for InMemoryChat {
    async fn add_invite(&self, invite: Invite) -> Result<(), StoreError> {
        self.state().invites.insert(invite.code, invite);
        Ok(())
    }

    async fn invite(&self, code: InviteCode) -> Result<Option<Invite>, BackendError> {
        Ok(self.state().invites.get(&code).copied())
    }

    async fn invites(
        &self,
        conversation: ConversationId,
        below: Role,
        before: Option<(Timestamp, InviteCode)>,
        limit: usize,
    ) -> Result<Vec<Invite>, BackendError> {
        let state = self.state();
        let position = |invite: &Invite| (invite.created_at, invite.code);
        let is_wanted = |invite: &&Invite| {
            invite.conversation == conversation
                && invite.role < below
                && !invite.revoked
                && before.is_none_or(|before| position(invite) < before)
        };
        let mut invites: Vec<_> = state.invites.values().filter(is_wanted).copied().collect();
        invites.sort_by_key(|invite| std::cmp::Reverse(position(invite)));
        invites.truncate(limit);
        Ok(invites)
    }

    async fn revoke_invite(
        &self,
        conversation: ConversationId,
        code: InviteCode,
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        let invite = state.invites.get_mut(&code);
        let invite = invite.filter(|i| i.conversation == conversation && !i.revoked);
        Ok(invite.map(|invite| invite.revoked = true).is_some())
    }
}

#[async_trait]
impl AuditLog for InMemoryChat {
    async fn audited(
        &self,
        before: Option<AuditId>,
        limit: usize,
    ) -> Result<Vec<(AuditId, AuditEntry)>, BackendError> {
        let state = self.state();
        let entries = (1..).map(AuditId).zip(state.audits.iter().copied());
        let mut entries: Vec<_> =
            entries.filter(|(id, _)| before.is_none_or(|before| *id < before)).collect();
        entries.reverse();
        entries.truncate(limit);
        Ok(entries)
    }
}
