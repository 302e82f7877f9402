//! [`ConversationStore`] over the queries.

use std::sync::Arc;

use application::ports::{
    BackendError, ChangePage, ConversationStore, ConversationView, Heads, MessagePage, PageRange,
    SearchPage, SearchRequest, Snapshot, SnapshotLimit, StoreError,
};
use async_trait::async_trait;
use domain::{
    ConversationId, Epoch, Intent, Member, Message, MessageId, MsgNo, NewGroup, Outcome, Pair,
    Refusal, Seq, Timestamp, UserId,
};

use super::commit::Locked;
use super::{Store, commit, conversations, messages, search};

impl Store {
    async fn decide_all(
        &self,
        intents: Vec<Intent>,
        locked: Locked,
    ) -> Result<Vec<Option<Result<Outcome, Refusal>>>, StoreError> {
        if intents.is_empty() {
            return Ok(Vec::new());
        }
        let clock = self.db.clock();
        let answers = self
            .write("commit a batch", async move |conn| {
                commit::commit(conn, &intents, locked, &*clock).await
            })
            .await?;
        self.db.has_written(answers.iter().flatten().filter(|answer| answer.is_ok()).count());
        Ok(answers)
    }
}

#[async_trait]
impl ConversationStore for Store {
    async fn commit(
        &self,
        intents: Vec<Intent>,
    ) -> Result<Vec<Result<Outcome, Refusal>>, StoreError> {
        let answers = self.decide_all(intents, Locked::WaitFor).await?;
        // `WaitFor` skips no intent.
        Ok(answers.into_iter().flatten().collect())
    }

    async fn try_commit(
        &self,
        intents: Vec<Intent>,
    ) -> Result<Vec<Option<Result<Outcome, Refusal>>>, StoreError> {
        self.decide_all(intents, Locked::LeaveOut).await
    }

    async fn create_group(&self, new: NewGroup) -> Result<ConversationId, StoreError> {
        let clock = self.db.clock();
        self.write("open a group", async move |conn| {
            conversations::create_group(conn, new, &*clock).await
        })
        .await
    }

    async fn open_direct(&self, pair: Pair) -> Result<(ConversationId, bool), StoreError> {
        let clock = self.db.clock();
        self.write("open a direct conversation", async move |conn| {
            conversations::open_direct(conn, pair, &*clock).await
        })
        .await
    }

    async fn heads(&self, ids: &[ConversationId]) -> Result<Heads, BackendError> {
        let ids = ids.to_vec();
        self.snapshot("read heads", async move |conn| {
            let epoch = conversations::epoch(conn).await?;
            let heads = conversations::heads(conn, &ids).await?;
            Ok(Heads { epoch, heads })
        })
        .await
    }

    async fn changes_since(
        &self,
        conversation: ConversationId,
        since: Seq,
        limit: usize,
    ) -> Result<ChangePage, BackendError> {
        self.snapshot("read changes", async move |conn| {
            messages::changes_since(conn, conversation, since, limit).await
        })
        .await
    }

    async fn newest(
        &self,
        conversation: ConversationId,
        limit: SnapshotLimit,
    ) -> Result<Snapshot, BackendError> {
        self.snapshot("read the newest messages", async move |conn| {
            messages::newest(conn, conversation, limit).await
        })
        .await
    }

    async fn message(
        &self,
        conversation: ConversationId,
        id: MessageId,
    ) -> Result<Option<Arc<Message>>, BackendError> {
        self.snapshot("read a message", async move |conn| {
            messages::message(conn, conversation, id).await
        })
        .await
    }

    async fn page(
        &self,
        conversation: ConversationId,
        range: PageRange,
        limit: usize,
    ) -> Result<MessagePage, BackendError> {
        self.snapshot("read a page of messages", async move |conn| {
            messages::page(conn, conversation, range, limit).await
        })
        .await
    }

    async fn pinned(
        &self,
        conversation: ConversationId,
        hidden: MsgNo,
        before: Option<Timestamp>,
        limit: usize,
    ) -> Result<Vec<Arc<Message>>, BackendError> {
        self.snapshot("read pinned messages", async move |conn| {
            messages::pinned(conn, conversation, hidden, before, limit).await
        })
        .await
    }

    async fn members(
        &self,
        conversation: ConversationId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Member>, BackendError> {
        self.read("read members", async move |conn| {
            conversations::members(conn, conversation, after, limit).await
        })
        .await
    }

    async fn view(
        &self,
        conversation: ConversationId,
        user: UserId,
    ) -> Result<Option<ConversationView>, BackendError> {
        self.read("read a conversation", async move |conn| {
            conversations::view(conn, conversation, user).await
        })
        .await
    }

    async fn search(
        &self,
        search: SearchRequest,
        limit: usize,
    ) -> Result<SearchPage, BackendError> {
        self.snapshot("search messages", async move |conn| {
            search::search(conn, &search, limit).await
        })
        .await
    }

    async fn new_epoch(&self, epoch: Epoch) -> Result<(), StoreError> {
        self.write("start a new epoch", async move |conn| {
            Ok(conversations::set_epoch(conn, epoch).await?)
        })
        .await
    }
}
