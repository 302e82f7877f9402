//! A client, written as the documentation says.

use std::collections::BTreeMap;
use std::sync::Arc;

use application::ports::{ChangePage, First, PageRange};
use application::{CatchUp, ChatError, Cursor};
use domain::{
    Change, Conversation, ConversationId, Member, Message, MessageId, MsgNo, Refusal, UserId,
};

use super::state::Model;
use super::system::System;

/// What one device of a user knows of a conversation.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) user: UserId,
    pub(super) conversation_id: ConversationId,
    state: State,
    pub(super) messages: BTreeMap<MessageId, Arc<Message>>,
    pub(super) members: BTreeMap<UserId, Member>,
    pub(super) conversation: Option<Conversation>,
    pub(super) resets: usize,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Unknown,
    /// It fetches pages, and then follows changes from the cursor.
    Fetching(PageRange, Cursor),
    /// It knows every change up to the cursor.
    Following(Cursor),
}

impl Client {
    pub(super) fn new(user: UserId, conversation_id: ConversationId) -> Self {
        Self {
            user,
            conversation_id,
            state: State::Unknown,
            messages: BTreeMap::new(),
            members: BTreeMap::new(),
            conversation: None,
            resets: 0,
        }
    }

    pub(super) fn forget(&mut self) {
        *self = Self { resets: self.resets, ..Self::new(self.user, self.conversation_id) };
    }

    pub(super) fn is_following(&self) -> bool {
        matches!(self.state, State::Following(_))
    }

    /// Reads at most `limit` rows. Returns whether there may be more.
    pub(super) async fn pull(
        &mut self,
        system: &System,
        model: &Model,
        limit: usize,
        first: First,
    ) -> bool {
        let pulled = match self.state {
            State::Unknown => self.begin(system, first).await,
            State::Fetching(range, from) => self.fetch(system, model, range, from, limit).await,
            State::Following(at) => self.follow(system, model, at, limit).await,
        };
        match pulled {
            Ok(more) => more,
            Err(ChatError::Refused(Refusal::NotFound | Refusal::Banned)) => {
                let admits = model.conversation(self.conversation_id).admits(self.user);
                assert!(!admits, "{} was refused {}", self.user, self.conversation_id);
                self.forget();
                false
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Reads until nothing is left.
    pub(super) async fn pull_all(
        &mut self,
        system: &System,
        model: &Model,
        limit: usize,
        first: First,
    ) {
        // Bounded, so that a store that never ends fails instead of hanging.
        for _ in 0..10_000 {
            if !self.pull(system, model, limit, first).await {
                return;
            }
        }
        panic!("there is always more: {:?}", self.state);
    }

    /// Reads, and loses the answer.
    pub(super) async fn pull_and_lose(&self, system: &System, limit: usize) {
        if let State::Following(at) = self.state {
            drop(
                system
                    .chat
                    .catch_up(system.account(self.user), self.conversation_id, at, limit)
                    .await,
            );
        }
    }

    async fn begin(&mut self, system: &System, first: First) -> Result<bool, ChatError> {
        let account = system.account(self.user);
        let (view, _) = system.chat.view(account, self.conversation_id).await?;
        self.fetch_from(Cursor::at_head(&view), first);
        Ok(true)
    }

    fn fetch_from(&mut self, position: Cursor, first: First) {
        self.forget();
        let range = PageRange { after: MsgNo::ZERO, before: None, first };
        self.state = State::Fetching(range, position);
    }

    async fn fetch(
        &mut self,
        system: &System,
        model: &Model,
        range: PageRange,
        from: Cursor,
        limit: usize,
    ) -> Result<bool, ChatError> {
        let account = system.account(self.user);
        let page = system.chat.page(account, self.conversation_id, range, limit).await?;
        assert!(page.messages.len() <= limit);
        for message in page.messages {
            assert!(!message.is_deleted() && model.may_see(self.user, &message), "{message:?}");
            self.messages.insert(message.id, message);
        }
        if page.more {
            let (low, high) = page.span;
            let rest = match range.first {
                First::Newest => PageRange { before: Some(low), ..range },
                First::Oldest => PageRange { after: high, ..range },
            };
            self.state = State::Fetching(rest, from);
            return Ok(true);
        }
        self.members = model.listed(self.conversation_id, members(system, self, limit).await?);
        self.conversation =
            Some(system.chat.conversation(account, self.conversation_id).await?.conversation);
        self.state = State::Following(from);
        Ok(true)
    }

    async fn follow(
        &mut self,
        system: &System,
        model: &Model,
        at: Cursor,
        limit: usize,
    ) -> Result<bool, ChatError> {
        let account = system.account(self.user);
        match system.chat.catch_up(account, self.conversation_id, at, limit).await? {
            CatchUp::Reset(head) => {
                assert!(
                    head.epoch != at.epoch || head.view_version != at.view_version,
                    "{head:?} {at:?}"
                );
                self.resets += 1;
                self.fetch_from(head, First::Newest);
                Ok(true)
            }
            CatchUp::Changes(page) => {
                check_page(&page, at, limit);
                self.state = State::Following(Cursor { seq: page.to, ..at });
                for change in page.changes {
                    self.apply(model, change);
                }
                Ok(page.more)
            }
        }
    }

    fn apply(&mut self, model: &Model, change: Change) {
        match change {
            Change::Message(message) => {
                assert!(model.may_see(self.user, &message), "{message:?}");
                if message.is_deleted() {
                    self.messages.remove(&message.id);
                } else {
                    self.messages.insert(message.id, message);
                }
            }
            Change::Member(member) => {
                self.members.insert(member.user, member);
            }
            Change::Conversation(conversation) => {
                self.conversation = Some(Conversation::clone(&conversation));
            }
        }
    }
}

async fn members(system: &System, client: &Client, limit: usize) -> Result<Vec<Member>, ChatError> {
    let account = system.account(client.user);
    let mut members: Vec<Member> = Vec::new();
    let mut after = None;
    loop {
        let page = system.chat.members(account, client.conversation_id, after, limit).await?;
        members.extend(page.members);
        after = page.next;
        if after.is_none() {
            return Ok(members);
        }
    }
}

/// Checks what holds for every page.
fn check_page(page: &ChangePage, at: Cursor, limit: usize) {
    assert_eq!(page.from, at.seq);
    assert!(page.changes.len() <= limit, "{page:?}");
    let seqs = page.changes.iter().map(Change::seq);
    let all = [page.from].into_iter().chain(seqs).collect::<Vec<_>>();
    assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "{page:?}");
    assert!(all.iter().all(|seq| *seq <= page.to), "{page:?}");
    assert!(!page.more || page.to > page.from, "an empty page with more: {page:?}");
}
