//! A client that knows a conversation only from its changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use application::ports::ChangePage;
use domain::{
    Change, Conversation, ConversationId, Member, Message, MessageEvent, MessageId, Seq, UserId,
};

use crate::Fixture;

#[derive(Debug)]
pub(super) struct Client {
    cursor: Seq,
    /// The last page had nothing after it, so that nothing up to `cursor` is missing.
    is_complete: bool,
    messages: BTreeMap<MessageId, Arc<Message>>,
    members: BTreeMap<UserId, Member>,
    /// None until it changes for the first time.
    conversation: Option<Arc<Conversation>>,
}

impl Default for Client {
    fn default() -> Self {
        let (messages, members) = (BTreeMap::new(), BTreeMap::new());
        Self { cursor: Seq::ZERO, is_complete: true, messages, members, conversation: None }
    }
}

impl Client {
    /// Applies one page. Returns whether there is more.
    ///
    /// While others write, a row that changes between two pages appears only in
    /// the later one: the first event of a message may be an update.
    pub(super) async fn pull(
        &mut self,
        fixture: &Fixture,
        conversation: ConversationId,
        limit: usize,
    ) -> bool {
        let page = self.page(fixture, conversation, limit).await;
        self.apply(page)
    }

    /// Applies all pages. Call it while no other task writes: then the event of
    /// each row has to fit what the client knows of it.
    pub(super) async fn pull_all(
        &mut self,
        fixture: &Fixture,
        conversation: ConversationId,
        limit: usize,
    ) {
        let (start, is_exact) = (self.cursor, self.is_complete);
        loop {
            let page = self.page(fixture, conversation, limit).await;
            for change in page.changes.iter().filter(|_| is_exact) {
                let Change::Message(message) = change else { continue };
                let is_known = self.messages.contains_key(&message.id);
                let want = match (is_known, message.is_deleted()) {
                    (true, true) => Some(MessageEvent::Deleted),
                    (true, false) => Some(MessageEvent::Updated),
                    (false, true) => None,
                    (false, false) => Some(MessageEvent::Created),
                };
                assert_eq!(message.event_since(start), want, "{message:?} after {start}");
            }
            if !self.apply(page) {
                break;
            }
        }
    }

    /// The client knows exactly what a new client would fetch.
    pub(super) async fn assert_equals_fetching_again(
        &self,
        fixture: &Fixture,
        conversation: ConversationId,
    ) {
        let snapshot = fixture.everything(conversation).await;
        let known: Vec<_> = self.messages.values().cloned().collect();
        assert_eq!(known, snapshot.messages);
        assert_eq!(self.cursor, snapshot.head.seq);
        for member in self.members.values() {
            let stored = fixture.membership(conversation, member.user).await.1;
            assert_eq!(stored.as_ref(), Some(member));
        }
        if let Some(known) = &self.conversation {
            let viewer = self.members.keys().next().copied().unwrap_or(UserId::new(1));
            assert_eq!(fixture.membership(conversation, viewer).await.0, **known);
        }
    }

    async fn page(
        &self,
        fixture: &Fixture,
        conversation: ConversationId,
        limit: usize,
    ) -> ChangePage {
        let store = &fixture.conversations;
        let page = store.changes_since(conversation, self.cursor, limit).await.unwrap();
        assert_eq!(page.from, self.cursor);
        assert!(page.changes.len() <= limit, "{page:?}");
        let seqs: Vec<Seq> = page.changes.iter().map(Change::seq).collect();
        let ascends = seqs.windows(2).all(|pair| pair[0] < pair[1]);
        assert!(ascends && seqs.iter().all(|seq| *seq > page.from), "{page:?}");
        assert!(seqs.last().is_none_or(|last| *last == page.to), "{page:?}");
        assert!(!page.more || !page.changes.is_empty(), "an empty page with more: {page:?}");
        page
    }

    fn apply(&mut self, page: ChangePage) -> bool {
        for change in page.changes {
            match change {
                Change::Message(message) if message.is_deleted() => {
                    self.messages.remove(&message.id);
                }
                Change::Message(message) => {
                    self.messages.insert(message.id, message);
                }
                Change::Member(member) => {
                    self.members.insert(member.user, member);
                }
                Change::Conversation(conversation) => self.conversation = Some(conversation),
            }
        }
        self.cursor = page.to;
        self.is_complete = !page.more;
        page.more
    }
}
