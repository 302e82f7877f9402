//! A client as the documentation tells its author to write it.

use std::collections::BTreeMap;
use std::sync::Arc;

use application::ports::{ChangePage, First, PageRange};
use application::{CatchUp, ChatError, Cursor};
use domain::{
    Change, Conversation, ConversationId, Member, Message, MessageId, MsgNo, Refusal, UserId,
};

use super::record::Record;
use super::world::World;

/// What somebody's device knows of a conversation.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) user: UserId,
    pub(super) room: ConversationId,
    stage: Stage,
    pub(super) messages: BTreeMap<MessageId, Arc<Message>>,
    pub(super) members: BTreeMap<UserId, Member>,
    pub(super) conversation: Option<Conversation>,
    pub(super) resets: usize,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    /// It knows nothing, not even where to begin.
    Nowhere,
    /// It fetches, and will go on from there.
    Fetching(PageRange, Cursor),
    /// It was told everything up to there.
    Following(Cursor),
}

impl Client {
    pub(super) fn new(user: UserId, room: ConversationId) -> Self {
        Self {
            user,
            room,
            stage: Stage::Nowhere,
            messages: BTreeMap::new(),
            members: BTreeMap::new(),
            conversation: None,
            resets: 0,
        }
    }

    /// Loses everything.
    pub(super) fn forget(&mut self) {
        *self = Self { resets: self.resets, ..Self::new(self.user, self.room) };
    }

    pub(super) fn is_following(&self) -> bool {
        matches!(self.stage, Stage::Following(_))
    }

    /// Asks once for at most `limit` rows. Says whether there may be more.
    pub(super) async fn pull(
        &mut self,
        world: &World,
        record: &Record,
        limit: usize,
        first: First,
    ) -> bool {
        let asked = match self.stage {
            Stage::Nowhere => self.begin(world, first).await,
            Stage::Fetching(range, from) => self.fetch(world, record, range, from, limit).await,
            Stage::Following(at) => self.follow(world, record, at, limit).await,
        };
        match asked {
            Ok(more) => more,
            Err(ChatError::Refused(Refusal::NotFound | Refusal::Banned)) => {
                let admits = record.room(self.room).admits(self.user);
                assert!(!admits, "{} was refused {}", self.user, self.room);
                self.forget();
                false
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Asks until nothing is left.
    pub(super) async fn pull_all(
        &mut self,
        world: &World,
        record: &Record,
        limit: usize,
        first: First,
    ) {
        // Bounded, so that a store that never ends fails instead of hanging.
        for _ in 0..10_000 {
            if !self.pull(world, record, limit, first).await {
                return;
            }
        }
        panic!("it never ends: {:?}", self.stage);
    }

    /// Asks, and is cut off before the answer comes.
    pub(super) async fn ask_in_vain(&self, world: &World, limit: usize) {
        if let Stage::Following(at) = self.stage {
            drop(world.chat.catch_up(world.account(self.user), self.room, at, limit).await);
        }
    }

    async fn begin(&mut self, world: &World, first: First) -> Result<bool, ChatError> {
        let reading = world.chat.reading(world.account(self.user), self.room).await?;
        self.fetch_from(reading.head, first);
        Ok(true)
    }

    fn fetch_from(&mut self, position: Cursor, first: First) {
        self.forget();
        let range = PageRange { after: MsgNo::ZERO, before: None, first };
        self.stage = Stage::Fetching(range, position);
    }

    async fn fetch(
        &mut self,
        world: &World,
        record: &Record,
        range: PageRange,
        from: Cursor,
        limit: usize,
    ) -> Result<bool, ChatError> {
        let account = world.account(self.user);
        let page = world.chat.page(account, self.room, range, limit).await?;
        assert!(page.messages.len() <= limit);
        for message in page.messages {
            assert!(!message.is_deleted() && record.may_see(self.user, &message), "{message:?}");
            self.messages.insert(message.id, message);
        }
        if page.more {
            let (low, high) = page.span;
            let rest = match range.first {
                First::Newest => PageRange { before: Some(low), ..range },
                First::Oldest => PageRange { after: high, ..range },
            };
            self.stage = Stage::Fetching(rest, from);
            return Ok(true);
        }
        self.members = record.told(self.room, members(world, self, limit).await?);
        self.conversation = Some(world.chat.conversation(account, self.room).await?.conversation);
        self.stage = Stage::Following(from);
        Ok(true)
    }

    async fn follow(
        &mut self,
        world: &World,
        record: &Record,
        at: Cursor,
        limit: usize,
    ) -> Result<bool, ChatError> {
        let account = world.account(self.user);
        match world.chat.catch_up(account, self.room, at, limit).await? {
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
                check(&page, at, limit);
                self.stage = Stage::Following(Cursor { seq: page.to, ..at });
                for change in page.changes {
                    self.apply(record, change);
                }
                Ok(page.more)
            }
        }
    }

    fn apply(&mut self, record: &Record, change: Change) {
        match change {
            Change::Message(message) => {
                assert!(record.may_see(self.user, &message), "{message:?}");
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

async fn members(world: &World, client: &Client, limit: usize) -> Result<Vec<Member>, ChatError> {
    let account = world.account(client.user);
    let mut members: Vec<Member> = Vec::new();
    loop {
        let after = members.last().map(|member| member.user);
        let page = world.chat.members(account, client.room, after, limit).await?;
        let is_last = page.len() < limit;
        members.extend(page);
        if is_last {
            return Ok(members);
        }
    }
}

/// Whether a page is one at all.
fn check(page: &ChangePage, at: Cursor, limit: usize) {
    assert_eq!(page.from, at.seq);
    assert!(page.changes.len() <= limit, "{page:?}");
    let numbers = page.changes.iter().map(Change::seq);
    let around = [page.from].into_iter().chain(numbers).collect::<Vec<_>>();
    assert!(around.windows(2).all(|pair| pair[0] < pair[1]), "{page:?}");
    assert!(around.iter().all(|seq| *seq <= page.to), "{page:?}");
    assert!(!page.more || page.to > page.from, "more of nothing: {page:?}");
}
