//! [`ConversationStore`] over the queries.

use std::sync::Arc;

use application::ports::{
    BackendError, ChangePage, ConversationStore, Heads, MessagePage, PageRange, SearchPage,
    SearchRequest, Snapshot, SnapshotLimit, StoreError,
};
use async_trait::async_trait;
use domain::{
    Conversation, ConversationId, Epoch, Intent, Member, Message, MessageId, MsgNo, NewGroup,
    Outcome, Pair, Refusal, Seq, Timestamp, UserId,
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
            .db
            .write(move |conn| {
                Box::pin(async move { commit::commit(conn, &intents, locked, &*clock).await })
            })
            .await
            .map_err(|failure| failure.into_store_error("commit a batch"))?;
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
        // Nothing is left out where one waits.
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
        self.db
            .write(move |conn| {
                Box::pin(async move { conversations::create_group(conn, new, &*clock).await })
            })
            .await
            .map_err(|failure| failure.into_store_error("open a group"))
    }

    async fn open_direct(&self, pair: Pair) -> Result<(ConversationId, bool), StoreError> {
        let clock = self.db.clock();
        self.db
            .write(move |conn| {
                Box::pin(async move { conversations::open_direct(conn, pair, &*clock).await })
            })
            .await
            .map_err(|failure| failure.into_store_error("open a conversation of two"))
    }

    async fn heads(&self, ids: &[ConversationId]) -> Result<Heads, BackendError> {
        let ids = ids.to_vec();
        self.db
            .read(move |conn| {
                Box::pin(async move {
                    let epoch = conversations::epoch(conn).await?;
                    let heads = conversations::heads(conn, &ids).await?;
                    Ok(Heads { epoch, heads })
                })
            })
            .await
            .map_err(|failure| failure.into_backend_error("read heads"))
    }

    async fn changes_since(
        &self,
        conversation: ConversationId,
        since: Seq,
        limit: usize,
    ) -> Result<ChangePage, BackendError> {
        self.db
            .read(move |conn| {
                Box::pin(
                    async move { messages::changes_since(conn, conversation, since, limit).await },
                )
            })
            .await
            .map_err(|failure| failure.into_backend_error("read changes"))
    }

    async fn newest(
        &self,
        conversation: ConversationId,
        limit: SnapshotLimit,
    ) -> Result<Snapshot, BackendError> {
        self.db
            .read(move |conn| {
                Box::pin(async move { messages::newest(conn, conversation, limit).await })
            })
            .await
            .map_err(|failure| failure.into_backend_error("read the newest messages"))
    }

    async fn message(
        &self,
        conversation: ConversationId,
        id: MessageId,
    ) -> Result<Option<Arc<Message>>, BackendError> {
        self.db
            .read(move |conn| {
                Box::pin(async move { messages::message(conn, conversation, id).await })
            })
            .await
            .map_err(|failure| failure.into_backend_error("read a message"))
    }

    async fn page(
        &self,
        conversation: ConversationId,
        range: PageRange,
        limit: usize,
    ) -> Result<MessagePage, BackendError> {
        self.db
            .read(move |conn| {
                Box::pin(async move { messages::page(conn, conversation, range, limit).await })
            })
            .await
            .map_err(|failure| failure.into_backend_error("read a page of messages"))
    }

    async fn pinned(
        &self,
        conversation: ConversationId,
        hidden: MsgNo,
        before: Option<Timestamp>,
        limit: usize,
    ) -> Result<Vec<Arc<Message>>, BackendError> {
        self.db
            .read(move |conn| {
                Box::pin(async move {
                    messages::pinned(conn, conversation, hidden, before, limit).await
                })
            })
            .await
            .map_err(|failure| failure.into_backend_error("read pinned messages"))
    }

    async fn members(
        &self,
        conversation: ConversationId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Member>, BackendError> {
        self.db
            .look(move |conn| {
                Box::pin(
                    async move { conversations::members(conn, conversation, after, limit).await },
                )
            })
            .await
            .map_err(|failure| failure.into_backend_error("read members"))
    }

    async fn membership(
        &self,
        conversation: ConversationId,
        user: UserId,
    ) -> Result<Option<(Conversation, Option<Member>)>, BackendError> {
        self.db
            .look(move |conn| {
                Box::pin(async move { conversations::membership(conn, conversation, user).await })
            })
            .await
            .map_err(|failure| failure.into_backend_error("read a membership"))
    }

    async fn memberships(
        &self,
        user: UserId,
    ) -> Result<Vec<(Conversation, Option<Member>)>, BackendError> {
        self.db
            .read(move |conn| Box::pin(async move { conversations::memberships(conn, user).await }))
            .await
            .map_err(|failure| failure.into_backend_error("read memberships"))
    }

    async fn search(
        &self,
        search: SearchRequest,
        limit: usize,
    ) -> Result<SearchPage, BackendError> {
        self.db
            .read(move |conn| Box::pin(async move { search::search(conn, &search, limit).await }))
            .await
            .map_err(|failure| failure.into_backend_error("search messages"))
    }

    async fn new_epoch(&self, epoch: Epoch) -> Result<(), StoreError> {
        self.db
            .write(move |conn| {
                Box::pin(async move { Ok(conversations::set_epoch(conn, epoch).await?) })
            })
            .await
            .map_err(|failure| failure.into_store_error("start a new epoch"))
    }
}
