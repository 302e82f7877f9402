//! The doubles do what tests want from them, and keep the contracts of their ports.

use std::future::{Ready, ready};
use std::sync::Arc;

use application::ports::{
    BackendError, ChangePage, ConversationStore, ConversationView, Delivery, Heads, LocalBroadcast,
    MessagePage, PageRange, PasswordHasher, PinPage, SearchPage, SearchRequest, Snapshot,
    SnapshotLimit, StoreError, TokenSigner,
};
use async_trait::async_trait;
use domain::{
    ConversationId, Epoch, Head, Intent, Member, Message, MessageId, MsgNo, NewGroup, Outcome,
    Pair, Refusal, Seq, Timestamp, UserId,
};
use futures_util::future::poll_immediate;
use testkit::values::send;
use testkit::{Fault, FaultyStore, InstantHasher, Operation, PlainSigner, RecordingBroadcast};

/// Refuses every intent and stores nothing.
struct EmptyStore;

#[async_trait]
impl ConversationStore for EmptyStore {
    async fn commit(
        &self,
        intents: Vec<Intent>,
    ) -> Result<Vec<Result<Outcome, Refusal>>, StoreError> {
        Ok(intents.iter().map(|_| Err(Refusal::NotFound)).collect())
    }

    async fn create_group(
        &self,
        _: NewGroup,
    ) -> Result<Result<(ConversationId, bool), Refusal>, StoreError> {
        Ok(Ok((ConversationId::LOBBY, true)))
    }

    async fn created_group(
        &self,
        _: &NewGroup,
    ) -> Result<Option<Result<ConversationId, Refusal>>, BackendError> {
        Ok(None)
    }

    async fn open_direct(&self, _: Pair) -> Result<(ConversationId, bool), StoreError> {
        Ok((ConversationId::LOBBY, false))
    }

    async fn heads(&self, _: &[ConversationId]) -> Result<Heads, BackendError> {
        Ok(Heads { epoch: Epoch::new(1), heads: Vec::new() })
    }

    async fn changes_since(
        &self,
        _: ConversationId,
        from: Seq,
        _: usize,
    ) -> Result<ChangePage, BackendError> {
        Ok(ChangePage { from, to: Seq::ZERO, changes: Vec::new(), more: false })
    }

    async fn newest(
        &self,
        conversation: ConversationId,
        _: SnapshotLimit,
    ) -> Result<Snapshot, BackendError> {
        Ok(Snapshot { head: Head::new(conversation), messages: Vec::new() })
    }

    async fn message(
        &self,
        _: ConversationId,
        _: MessageId,
    ) -> Result<Option<Arc<Message>>, BackendError> {
        Ok(None)
    }

    async fn page(
        &self,
        conversation: ConversationId,
        _: PageRange,
        _: usize,
    ) -> Result<MessagePage, BackendError> {
        let head = Head::new(conversation);
        Ok(MessagePage { head, messages: Vec::new(), more: false })
    }

    async fn pinned(
        &self,
        _: ConversationId,
        _: MsgNo,
        _: Option<Timestamp>,
        _: usize,
    ) -> Result<PinPage, BackendError> {
        Ok(PinPage::default())
    }

    async fn reacted_by(
        &self,
        _: ConversationId,
        _: UserId,
        _: usize,
    ) -> Result<Vec<MessageId>, BackendError> {
        Ok(Vec::new())
    }

    async fn members(
        &self,
        _: ConversationId,
        _: Option<UserId>,
        _: usize,
    ) -> Result<Vec<Member>, BackendError> {
        Ok(Vec::new())
    }

    async fn view(
        &self,
        _: ConversationId,
        _: UserId,
    ) -> Result<Option<ConversationView>, BackendError> {
        Ok(None)
    }

    async fn search(&self, _: SearchRequest, _: usize) -> Result<SearchPage, BackendError> {
        Ok(SearchPage { messages: Vec::new(), next: None })
    }

    async fn new_epoch(&self, _: Epoch) -> Result<(), StoreError> {
        Ok(())
    }
}

fn intent(n: u128) -> Intent {
    send(ConversationId::LOBBY, UserId::new(1), n, "text")
}

#[tokio::test]
async fn each_injected_fault_affects_one_call() {
    let store = FaultyStore::around(Arc::new(EmptyStore));
    store.fail_next(Operation::Commit, Fault::Unreachable);
    store.fail_next(Operation::Commit, Fault::Failed);
    store.fail_next(Operation::Heads, Fault::Failed);

    assert!(matches!(store.commit(vec![intent(1)]).await, Err(StoreError::Unreachable(_))));
    assert!(matches!(store.commit(vec![intent(1)]).await, Err(StoreError::Failed(_))));
    assert_eq!(store.commit(vec![intent(1), intent(2)]).await.unwrap().len(), 2);
    assert!(store.heads(&[]).await.is_err());
    assert!(store.heads(&[]).await.is_ok());
    assert_eq!(store.batches(), [1, 1, 2]);
    assert_eq!(store.calls(Operation::Heads), 2);
}

#[tokio::test]
async fn a_poisoned_batch_always_fails() {
    let store = FaultyStore::around(Arc::new(EmptyStore));
    store.poison(|poison| *poison == intent(2));

    for batch in [vec![intent(1), intent(2)], vec![intent(2)]] {
        assert!(matches!(store.commit(batch).await, Err(StoreError::Failed(_))));
    }
    assert!(store.commit(vec![intent(1)]).await.is_ok());
}

#[tokio::test]
async fn an_outage_lasts_until_it_is_ended() {
    let store = FaultyStore::around(Arc::new(EmptyStore));

    store.outage(Some(Fault::Unreachable));
    for _ in 0..3 {
        assert!(store.heads(&[]).await.is_err());
    }
    store.outage(None);

    assert!(store.heads(&[]).await.is_ok());
}

#[tokio::test]
async fn a_fault_may_be_added_while_a_call_is_held() {
    let store = FaultyStore::around(Arc::new(EmptyStore));
    let mut hold = store.hold_next(Operation::Commit);
    let mut call = store.commit(vec![intent(1)]);

    assert!(poll_immediate(&mut call).await.is_none());
    hold.reached().await;
    let other = store.commit(vec![intent(2)]).await;
    store.fail_next(Operation::Commit, Fault::Failed);
    hold.release();

    assert!(other.is_ok());
    assert!(matches!(call.await, Err(StoreError::Failed(_))));
}

#[tokio::test]
async fn dropping_a_hold_releases_the_call() {
    let store = FaultyStore::around(Arc::new(EmptyStore));
    let hold = store.hold_answer(Operation::Newest);
    let mut call = store.newest(ConversationId::LOBBY, SnapshotLimit::ALL);

    assert!(poll_immediate(&mut call).await.is_none());
    drop(hold);

    assert!(call.await.is_ok());
}

#[tokio::test]
async fn a_delivery_wakes_a_waiting_test() {
    let broadcast = Arc::new(RecordingBroadcast::default());
    let delivery = Delivery::Reset(ConversationId::LOBBY);
    let waiting = tokio::spawn({
        let broadcast = Arc::clone(&broadcast);
        async move { broadcast.wait_for(|seen| seen.len() == 2).await }
    });

    broadcast.deliver(delivery.clone()).await;
    tokio::task::yield_now().await;
    broadcast.deliver(delivery.clone()).await;

    assert_eq!(waiting.await.unwrap(), [delivery.clone(), delivery]);
    assert_eq!(broadcast.take().len(), 2);
    assert_eq!(broadcast.deliveries(), []);
}

fn hasher() -> Ready<Arc<dyn PasswordHasher>> {
    ready(Arc::new(InstantHasher::default()))
}

fn signer() -> Ready<Arc<dyn TokenSigner>> {
    ready(Arc::new(PlainSigner))
}

testkit::password_hasher_contract!(hasher);
testkit::token_signer_contract!(signer);
