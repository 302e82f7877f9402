//! A store that fails or waits when a test wants it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use application::ports::{
    BackendError, ChangePage, ConversationStore, ConversationView, Heads, MessagePage, PageRange,
    PinPage, SearchPage, SearchRequest, Snapshot, SnapshotLimit, StoreError,
};
use async_trait::async_trait;
use domain::{
    ConversationId, Epoch, Intent, Member, Message, MessageId, MsgNo, NewGroup, Outcome, Pair,
    Refusal, Seq, Timestamp, UserId,
};

use super::{Gate, Hold, gate};

/// A call of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// [`ConversationStore::commit`]
    Commit,
    /// [`ConversationStore::create_group`] and [`ConversationStore::open_direct`]
    Create,
    /// [`ConversationStore::heads`]
    Heads,
    /// [`ConversationStore::changes_since`]
    ChangesSince,
    /// [`ConversationStore::newest`]
    Newest,
    /// [`ConversationStore::message`]
    Message,
    /// [`ConversationStore::page`] and [`ConversationStore::pinned`]
    Page,
    /// [`ConversationStore::members`]
    Members,
    /// [`ConversationStore::view`] and [`ConversationStore::created_group`]
    View,
    /// [`ConversationStore::search`]
    Search,
    /// [`ConversationStore::new_epoch`]
    NewEpoch,
}

/// How a call fails. Reads fail the same way with each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The store is unreachable, and nothing was stored.
    Unreachable,
    /// Everything was stored, but the answer got lost.
    AnswerLost,
    /// The store refuses, and nothing was stored.
    Failed,
}

type IsPoison = Box<dyn Fn(&Intent) -> bool + Send + Sync>;

/// In each list, the first entry of an operation applies to its next call.
#[derive(Default)]
struct Plan {
    holds: Vec<(Operation, Gate)>,
    answer_holds: Vec<(Operation, Gate)>,
    faults: Vec<(Operation, Fault)>,
    /// While set, every call fails.
    outage: Option<Fault>,
    poison: Option<IsPoison>,
    /// Conversations that seem locked by another node.
    locked: HashSet<ConversationId>,
    calls: Vec<Operation>,
    batches: Vec<usize>,
}

fn take_first<T>(list: &mut Vec<(Operation, T)>, operation: Operation) -> Option<T> {
    let index = list.iter().position(|(of, _)| *of == operation)?;
    Some(list.remove(index).1)
}

/// Wraps any store and injects faults.
///
/// No intent makes a correct adapter fail by itself. [`FaultyStore::poison`]
/// simulates a row that does.
pub struct FaultyStore {
    inner: Arc<dyn ConversationStore>,
    plan: Mutex<Plan>,
}

impl FaultyStore {
    /// Behaves like `inner` until a fault is injected.
    #[must_use]
    pub fn around(inner: Arc<dyn ConversationStore>) -> Self {
        Self { inner, plan: Mutex::default() }
    }

    /// The next call of `operation` fails, or the one that is held now. Call it
    /// `n` times to let the next `n` calls fail.
    pub fn fail_next(&self, operation: Operation, fault: Fault) {
        self.plan().faults.push((operation, fault));
    }

    /// Every call fails from now on, until this is set to `None`.
    pub fn outage(&self, fault: Option<Fault>) {
        self.plan().outage = fault;
    }

    /// Every batch with such an intent fails from now on, and none of it is stored.
    pub fn poison(&self, is_poison: impl Fn(&Intent) -> bool + Send + Sync + 'static) {
        self.plan().poison = Some(Box::new(is_poison));
    }

    /// The conversation seems locked by another node, or is free again.
    /// [`ConversationStore::try_commit`] leaves it out while it is locked.
    /// [`ConversationStore::commit`] is not affected; see [`Self::hold_next`].
    pub fn lock(&self, conversation: ConversationId, locked: bool) {
        let mut plan = self.plan();
        if locked {
            plan.locked.insert(conversation);
        } else {
            plan.locked.remove(&conversation);
        }
    }

    /// The next call of `operation` waits before it runs.
    #[must_use]
    pub fn hold_next(&self, operation: Operation) -> Hold {
        let (hold, gate) = gate();
        self.plan().holds.push((operation, gate));
        hold
    }

    /// The next call of `operation` runs, and waits before it answers.
    #[must_use]
    pub fn hold_answer(&self, operation: Operation) -> Hold {
        let (hold, gate) = gate();
        self.plan().answer_holds.push((operation, gate));
        hold
    }

    #[must_use]
    pub fn calls(&self, operation: Operation) -> usize {
        self.plan().calls.iter().filter(|call| **call == operation).count()
    }

    /// The number of intents in each batch so far.
    #[must_use]
    pub fn batches(&self) -> Vec<usize> {
        self.plan().batches.clone()
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a call as planned. While it is held, a fault may still be added.
    async fn run<T, E: FromFault>(
        &self,
        operation: Operation,
        is_poisoned: bool,
        inner: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        let (before, after) = {
            let mut plan = self.plan();
            plan.calls.push(operation);
            let before = take_first(&mut plan.holds, operation);
            (before, take_first(&mut plan.answer_holds, operation))
        };
        if let Some(gate) = before {
            gate.pass().await;
        }
        let fault = {
            let mut plan = self.plan();
            let planned = plan.outage.or_else(|| take_first(&mut plan.faults, operation));
            planned.or(is_poisoned.then_some(Fault::Failed))
        };
        let answer = match fault {
            None => inner.await,
            Some(Fault::AnswerLost) => {
                inner.await?;
                Err(E::from_fault(Fault::AnswerLost))
            }
            Some(fault) => Err(E::from_fault(fault)),
        };
        if let Some(gate) = after {
            gate.pass().await;
        }
        answer
    }
}

trait FromFault {
    fn from_fault(fault: Fault) -> Self;
}

impl FromFault for BackendError {
    fn from_fault(fault: Fault) -> Self {
        Self::new("inject a fault", format!("{fault:?}"))
    }
}

impl FromFault for StoreError {
    fn from_fault(fault: Fault) -> Self {
        let cause = BackendError::from_fault(fault);
        match fault {
            Fault::Unreachable | Fault::AnswerLost => Self::Unreachable(cause),
            Fault::Failed => Self::Failed(cause),
        }
    }
}

#[async_trait]
impl ConversationStore for FaultyStore {
    async fn commit(
        &self,
        intents: Vec<Intent>,
    ) -> Result<Vec<Result<Outcome, Refusal>>, StoreError> {
        let is_poisoned = {
            let mut plan = self.plan();
            plan.batches.push(intents.len());
            plan.poison.as_ref().is_some_and(|is_poison| intents.iter().any(is_poison))
        };
        self.run(Operation::Commit, is_poisoned, self.inner.commit(intents)).await
    }

    async fn try_commit(
        &self,
        intents: Vec<Intent>,
    ) -> Result<Vec<Option<Result<Outcome, Refusal>>>, StoreError> {
        let is_locked: Vec<bool> = {
            let plan = self.plan();
            intents.iter().map(|intent| plan.locked.contains(&intent.conversation)).collect()
        };
        let mut lock_states = is_locked.iter();
        let mut free = intents;
        free.retain(|_| lock_states.next() == Some(&false));
        let mut answers =
            if free.is_empty() { Vec::new() } else { self.commit(free).await? }.into_iter();
        Ok(is_locked.into_iter().map(|locked| if locked { None } else { answers.next() }).collect())
    }

    async fn create_group(
        &self,
        new: NewGroup,
    ) -> Result<Result<(ConversationId, bool), Refusal>, StoreError> {
        self.run(Operation::Create, false, self.inner.create_group(new)).await
    }

    async fn created_group(
        &self,
        again: &NewGroup,
    ) -> Result<Option<Result<ConversationId, Refusal>>, BackendError> {
        self.run(Operation::View, false, self.inner.created_group(again)).await
    }

    async fn open_direct(&self, pair: Pair) -> Result<(ConversationId, bool), StoreError> {
        self.run(Operation::Create, false, self.inner.open_direct(pair)).await
    }

    async fn heads(&self, conversations: &[ConversationId]) -> Result<Heads, BackendError> {
        self.run(Operation::Heads, false, self.inner.heads(conversations)).await
    }

    async fn changes_since(
        &self,
        conversation: ConversationId,
        since: Seq,
        limit: usize,
    ) -> Result<ChangePage, BackendError> {
        let inner = self.inner.changes_since(conversation, since, limit);
        self.run(Operation::ChangesSince, false, inner).await
    }

    async fn newest(
        &self,
        conversation: ConversationId,
        limit: SnapshotLimit,
    ) -> Result<Snapshot, BackendError> {
        self.run(Operation::Newest, false, self.inner.newest(conversation, limit)).await
    }

    async fn message(
        &self,
        conversation: ConversationId,
        id: MessageId,
    ) -> Result<Option<Arc<Message>>, BackendError> {
        self.run(Operation::Message, false, self.inner.message(conversation, id)).await
    }

    async fn page(
        &self,
        conversation: ConversationId,
        range: PageRange,
        limit: usize,
    ) -> Result<MessagePage, BackendError> {
        self.run(Operation::Page, false, self.inner.page(conversation, range, limit)).await
    }

    async fn pinned(
        &self,
        conversation: ConversationId,
        hidden: MsgNo,
        before: Option<Timestamp>,
        limit: usize,
    ) -> Result<PinPage, BackendError> {
        let inner = self.inner.pinned(conversation, hidden, before, limit);
        self.run(Operation::Page, false, inner).await
    }

    async fn reacted_by(
        &self,
        conversation: ConversationId,
        user: UserId,
        limit: usize,
    ) -> Result<Vec<MessageId>, BackendError> {
        self.run(Operation::Page, false, self.inner.reacted_by(conversation, user, limit)).await
    }

    async fn members(
        &self,
        conversation: ConversationId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Member>, BackendError> {
        self.run(Operation::Members, false, self.inner.members(conversation, after, limit)).await
    }

    async fn view(
        &self,
        conversation: ConversationId,
        user: UserId,
    ) -> Result<Option<ConversationView>, BackendError> {
        self.run(Operation::View, false, self.inner.view(conversation, user)).await
    }

    async fn search(
        &self,
        search: SearchRequest,
        limit: usize,
    ) -> Result<SearchPage, BackendError> {
        self.run(Operation::Search, false, self.inner.search(search, limit)).await
    }

    async fn new_epoch(&self, epoch: Epoch) -> Result<(), StoreError> {
        self.run(Operation::NewEpoch, false, self.inner.new_epoch(epoch)).await
    }
}
