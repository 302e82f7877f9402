use application::ports::{
    ACQUAINTANCE_MESSAGES, BackendError, ContactStatus, InboxCursor, InboxEntry, InboxPage,
    InboxStore, Invitation, MarkedRead, ReadMarker, StoreError, StoredAccount,
};
use async_trait::async_trait;
use domain::{
    AdditionFacts, Conversation, ConversationId, ConversationKind, Member, MemberStatus, MsgNo,
    Role, UserId, Username, policy,
};

use super::conversation::{Own, StoredConversation};
use super::state::State;
use crate::store::InMemoryChat;

#[async_trait]
impl InboxStore for InMemoryChat {
    async fn conversations(
        &self,
        user: UserId,
        before: Option<InboxCursor>,
        limit: usize,
    ) -> Result<InboxPage, BackendError> {
        let state = self.state();
        let listed = state.conversations.values();
        let listed = listed.filter(|stored| policy::is_listed(&stored.conversation, &stored.head));
        let entries = listed.filter_map(|stored| state.entry(user, stored));
        let is_below = |entry: &InboxEntry| before.is_none_or(|before| entry.cursor() < before);
        let mut entries: Vec<_> = entries.filter(is_below).collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.cursor()));
        let more = entries.len() > limit;
        entries.truncate(limit);
        let inbox_version = state.inbox_number(user);
        let account = state.accounts.get(&user).map(|stored| &stored.account);
        let profile = account.map(|account| account.profile.clone()).unwrap_or_default();
        let (epoch, blocked, hidden_names) =
            (state.epoch, state.blocked_by(user), state.hidden_names_of(user));
        let invitations = i64::try_from(state.invitations(user).count()).unwrap_or(i64::MAX);
        Ok(InboxPage {
            epoch,
            inbox_version,
            profile,
            invitations,
            blocked,
            hidden_names,
            entries,
            more,
        })
    }

    async fn conversation(
        &self,
        user: UserId,
        conversation: ConversationId,
    ) -> Result<Option<InboxEntry>, BackendError> {
        let state = self.state();
        let stored = state.conversations.get(&conversation);
        Ok(stored.and_then(|stored| state.entry(user, stored)))
    }

    async fn mark_read(
        &self,
        user: UserId,
        conversation: ConversationId,
        up_to: MsgNo,
    ) -> Result<Option<MarkedRead>, StoreError> {
        let mut state = self.state();
        let is_present = policy::shows_presence(state.hides_presence(user));
        let Some(stored) = state.own_conversation(user, conversation) else { return Ok(None) };
        let up_to = up_to.min(stored.head.msg_no);
        let before = stored.own.get(&user).map_or(MsgNo::ZERO, |own| own.read_no);
        let read_no = stored.mark_read(user, up_to);
        let has_moved = before < read_no;
        let is_shown = has_moved
            && is_present
            && policy::shows_read_receipts(stored.conversation.kind, stored.active().count());
        if has_moved {
            state.raise_inbox_version(user);
        }
        Ok(Some(MarkedRead { read_no, has_moved, is_shown }))
    }

    async fn markers(
        &self,
        conversation: ConversationId,
        limit: usize,
    ) -> Result<Vec<ReadMarker>, BackendError> {
        let state = self.state();
        let Some(stored) = state.conversations.get(&conversation) else { return Ok(Vec::new()) };
        let marker = |member: &Member| ReadMarker {
            user: member.user,
            username: member.username.clone(),
            read_no: stored.own.get(&member.user).unwrap_or(&Own::NOTHING).read_no,
            hides_presence: state.hides_presence(member.user),
        };
        Ok(stored.active().take(limit).map(marker).collect())
    }

    async fn set_muted(
        &self,
        user: UserId,
        conversation: ConversationId,
        muted: bool,
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        let Some(stored) = state.own_conversation(user, conversation) else { return Ok(false) };
        stored.own.entry(user).or_insert(Own::NOTHING).muted = muted;
        state.raise_inbox_version(user);
        Ok(true)
    }

    async fn set_blocked(
        &self,
        by: UserId,
        blocked: UserId,
        present: bool,
    ) -> Result<(), StoreError> {
        let mut state = self.state();
        let has_changed = if present {
            state.blocks.insert((by, blocked))
        } else {
            state.blocks.remove(&(by, blocked))
        };
        if has_changed {
            state.raise_inbox_version(by);
            state.raise_inbox_version(blocked);
            *state.views.entry(by).or_default() += 1;
        }
        Ok(())
    }

    async fn contact_statuses(
        &self,
        user: UserId,
        others: &[UserId],
    ) -> Result<Vec<ContactStatus>, BackendError> {
        let state = self.state();
        let known = others.iter().filter_map(|other| state.accounts.get(other));
        let status = |stored: &StoredAccount| ContactStatus {
            user: stored.account.id,
            is_active: stored.account.active,
            blocks: state.blocks.contains(&(stored.account.id, user)),
            is_blocked: state.blocks.contains(&(user, stored.account.id)),
        };
        Ok(known.map(status).collect())
    }

    async fn additions(
        &self,
        by: UserId,
        users: &[UserId],
    ) -> Result<Vec<AdditionFacts>, BackendError> {
        let state = self.state();
        Ok(users.iter().filter_map(|user| state.addition(by, *user)).collect())
    }

    async fn invitations(
        &self,
        user: UserId,
        limit: usize,
    ) -> Result<Vec<Invitation>, BackendError> {
        let state = self.state();
        let invitation = |(stored, member): (&StoredConversation, &Member)| {
            let by = member.invited_by?;
            Some(Invitation {
                conversation: Conversation::clone(&stored.conversation),
                role: member.role,
                invited_by: (by, state.username(by)?),
            })
        };
        Ok(state.invitations(user).take(limit).filter_map(invitation).collect())
    }

    async fn blocked_by(&self, by: UserId) -> Result<Vec<(UserId, Username)>, BackendError> {
        let state = self.state();
        let blocks = state.blocks.iter().filter(|(who, _)| *who == by);
        Ok(blocks.filter_map(|(_, user)| Some((*user, state.username(*user)?))).collect())
    }
}

impl State {
    /// The groups that have invited `user`, each with the member row, without invitations by users
    /// whom `user` blocks.
    fn invitations(&self, user: UserId) -> impl Iterator<Item = (&StoredConversation, &Member)> {
        let open = self.conversations.values();
        let open = open.filter(|stored| stored.conversation.deleted_at.is_none());
        let open = open.filter_map(move |stored| Some((stored, stored.members.get(&user)?)));
        open.filter(move |(_, member)| {
            let is_hidden = |by| self.blocks.contains(&(user, by));
            member.status == MemberStatus::Invited && !member.invited_by.is_some_and(is_hidden)
        })
    }

    pub(crate) fn addition(&self, by: UserId, user: UserId) -> Option<AdditionFacts> {
        let added_by = self.accounts.get(&user)?.account.profile.added_by;
        let is_acquaintance = self.conversations.values().any(|stored| {
            let conversation = &stored.conversation;
            let is_member = |user| stored.active().any(|member| member.user == user);
            let are_members = is_member(by) && is_member(user);
            are_members
                && conversation.deleted_at.is_none()
                && match conversation.kind {
                    ConversationKind::Lobby => false,
                    ConversationKind::Group => true,
                    ConversationKind::Direct(_) => stored.messages.values().any(|message| {
                        let since = stored.head.msg_no.get() - ACQUAINTANCE_MESSAGES;
                        message.author.id == user && message.msg_no.get() > since
                    }),
                }
        });
        let invitations = self.invitations(user).count();
        Some(AdditionFacts { user, added_by, is_acquaintance, invitations })
    }

    fn entry(&self, user: UserId, stored: &StoredConversation) -> Option<InboxEntry> {
        let member = stored.members.get(&user);
        if !policy::visible(&stored.conversation, member) {
            return None;
        }
        let unseen = Own { read_no: stored.head.msg_no, muted: false };
        let own = stored.own.get(&user).copied();
        let own = own.or_else(|| member.map(|_| Own::NOTHING)).unwrap_or(unseen);
        // Without a row, nothing in the lobby is unread but mentions since the sign-up.
        let since = match member {
            Some(_) => own.read_no,
            None => self.lobby_at_sign_up.get(&user).copied().unwrap_or(stored.head.msg_no),
        };
        let calls = stored.messages.values().filter(|message| {
            message.msg_no > since
                && message.author.id != user
                && !message.is_deleted()
                && message.mentions.call(user)
                && !self.blocks.contains(&(user, message.author.id))
        });
        let other = match stored.conversation.kind {
            ConversationKind::Direct(pair) => Some(pair.other_than(user)),
            ConversationKind::Lobby | ConversationKind::Group => None,
        };
        Some(InboxEntry {
            view_version: self.view_version(user, stored),
            conversation: Conversation::clone(&stored.conversation),
            head: stored.head,
            member: member.cloned(),
            read_no: own.read_no,
            muted: own.muted,
            unread_mentions: i64::try_from(calls.count()).unwrap_or(i64::MAX),
            other: other.and_then(|other| Some((other, self.username(other)?))),
        })
    }

    /// Returns a conversation that `user` may see, with the user's private data.
    fn own_conversation(
        &mut self,
        user: UserId,
        conversation: ConversationId,
    ) -> Option<&mut StoredConversation> {
        let username = self.username(user)?;
        let stored = self.conversations.get_mut(&conversation)?;
        let member = stored.members.get(&user);
        if !policy::visible(&stored.conversation, member) {
            return None;
        }
        if member.is_none() {
            let first = Member::first(conversation, user, username, Role::Member);
            stored.members.insert(user, first);
            stored.mark_read(user, stored.head.msg_no);
        }
        Some(stored)
    }
}
