use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use domain::{
    Change, ConversationId, ConversationKind, EphemeralEvent, Epoch, Message, Seq, UserId,
};
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};

use super::sequencer::Sequencer;
use super::subscriptions::Subscriptions;
use super::{Command, HubTiming};
use crate::ports::{
    AccountStore, AccountVersions, BackendError, Bus, BusEvent, ChangePage, ConversationStore,
    ConversationView, Delivery, Heads, LocalBroadcast, with_causes,
};

/// Rows per read of a gap.
const PAGE: usize = 500;
/// Wait before a failed or fruitless read is retried.
const RETRY: Duration = Duration::from_millis(250);

/// The task behind a [`Hub`](super::Hub).
pub struct HubTask {
    commands: mpsc::Receiver<Command>,
    subscriptions: Arc<Subscriptions>,
    ports: Ports,
    timing: HubTiming,
    streams: HashMap<ConversationId, Stream>,
    /// Conversations whose heads are being read.
    opening: HashMap<ConversationId, Opening>,
    /// When each gap is due to be read.
    due: BTreeSet<(Instant, ConversationId)>,
    reads: FuturesUnordered<BoxFuture<'static, Read>>,
    epoch: Option<Epoch>,
    sweeping: bool,
}

pub(super) struct Ports {
    pub(super) store: Arc<dyn ConversationStore>,
    pub(super) accounts: Arc<dyn AccountStore>,
    pub(super) bus: Arc<dyn Bus>,
    pub(super) local_broadcast: Arc<dyn LocalBroadcast>,
}

/// A conversation with subscribers on this node.
struct Stream {
    sequencer: Sequencer,
    /// When its gap is due to be read.
    due: Option<Instant>,
    reading: bool,
}

/// A conversation before its stream.
struct Opening {
    reads: usize,
    /// The newest change that was offered meanwhile.
    newest: Seq,
}

/// A subscription that waits for the heads of its new conversations.
struct Subscribe {
    new: Vec<ConversationId>,
    reply: oneshot::Sender<Result<(), BackendError>>,
}

/// A finished read.
enum Read {
    Heads(Subscribe, Result<Heads, BackendError>),
    Gap(ConversationId, Result<Gap, BackendError>),
    /// The conversation of a first message.
    Begun(Result<Option<ConversationView>, BackendError>),
    Sweep(Result<Sweep, BackendError>),
}

enum Gap {
    Page(ChangePage),
    /// The gap exceeds a page; `head` is the newest change. Pages cannot be delivered one by one:
    /// a row created in the first and changed in the second appears only in the second, as an
    /// update to an unknown row.
    TooLong {
        since: Seq,
        head: Seq,
    },
}

impl HubTask {
    pub(super) fn new(
        commands: mpsc::Receiver<Command>,
        subscriptions: Arc<Subscriptions>,
        ports: Ports,
        timing: HubTiming,
    ) -> Self {
        Self {
            commands,
            subscriptions,
            ports,
            timing,
            streams: HashMap::new(),
            opening: HashMap::new(),
            due: BTreeSet::new(),
            reads: FuturesUnordered::new(),
            epoch: None,
            sweeping: false,
        }
    }

    /// Runs until every [`Hub`](super::Hub) is dropped.
    pub async fn run(mut self) {
        let mut sweeps = every(self.timing.sweep);
        loop {
            let due = self.due.first().map(|(at, _)| *at);
            tokio::select! {
                command = self.commands.recv() => match command {
                    None => return,
                    Some(Command::Offer(changes)) => self.offer(changes).await,
                    Some(Command::Subscribe(conversations, reply)) => {
                        self.open(conversations, reply).await;
                    }
                    Some(Command::InboxChanged(user)) => self.deliver_inbox(user).await,
                    Some(Command::Ephemeral(event)) => {
                        self.ports.bus.publish_ephemeral(&event).await;
                        self.deliver_ephemeral(event).await;
                    }
                    Some(Command::RightsChanged(user)) => self.deliver_recheck(user).await,
                },
                event = self.ports.bus.next() => match event {
                    BusEvent::Changed(changes) => self.offer(changes).await,
                    BusEvent::HeadAdvanced(conversation, to) => self.learn(conversation, to),
                    BusEvent::Ephemeral(event) => self.deliver_ephemeral(event).await,
                    // The new interval ticks immediately.
                    BusEvent::Disconnected => sweeps = every(self.timing.sweep_without_hints),
                    BusEvent::Reconnected => sweeps = every(self.timing.sweep),
                },
                Some(read) = self.reads.next() => match read {
                    Read::Gap(conversation, gap) => self.fill(conversation, gap).await,
                    Read::Begun(view) => self.list_direct(view).await,
                    Read::Heads(subscribe, heads) => self.end_open(subscribe, heads).await,
                    Read::Sweep(Ok(sweep)) => self.end_sweep(sweep).await,
                    Read::Sweep(Err(error)) => {
                        self.sweeping = false;
                        tracing::error!(
                            error = with_causes(&error),
                            "the sweep failed; the next one retries"
                        );
                        sweeps.reset_after(self.timing.sweep_without_hints);
                    }
                },
                () = until(due) => self.read_gaps(),
                // A tick that comes during a sweep waits, so that the next one follows at once.
                _ = sweeps.tick(), if !self.sweeping => self.start_sweep().await,
            }
        }
    }

    /// Reads the heads of new conversations. Deliveries go on meanwhile, because the store may be slow.
    async fn open(
        &mut self,
        mut new: Vec<ConversationId>,
        reply: oneshot::Sender<Result<(), BackendError>>,
    ) {
        new.retain(|id| !self.streams.contains_key(id));
        if new.is_empty() {
            // A dropped caller has already undone its subscription.
            drop(reply.send(Ok(())));
            return;
        }
        for id in &new {
            let opening = self.opening.entry(*id);
            opening.or_insert(Opening { reads: 0, newest: Seq::ZERO }).reads += 1;
            self.ports.bus.subscribe(*id, true).await;
        }
        let store = Arc::clone(&self.ports.store);
        self.reads.push(Box::pin(async move {
            let heads = store.heads(&new).await;
            Read::Heads(Subscribe { new, reply }, heads)
        }));
    }

    async fn end_open(
        &mut self,
        Subscribe { new, reply }: Subscribe,
        heads: Result<Heads, BackendError>,
    ) {
        let known: Option<HashMap<_, _>> = heads
            .as_ref()
            .ok()
            .map(|heads| heads.heads.iter().map(|head| (head.conversation, head.seq)).collect());
        for id in &new {
            let Some(opening) = self.opening.get_mut(id) else { continue };
            opening.reads -= 1;
            let newest = opening.newest;
            if opening.reads == 0 {
                self.opening.remove(id);
            }
            if self.streams.contains_key(id) {
                continue;
            }
            if let Some(known) = &known {
                let sequencer = Sequencer::new(known.get(id).copied().unwrap_or(Seq::ZERO));
                self.streams.insert(*id, Stream { sequencer, due: None, reading: false });
                self.learn(*id, newest);
            } else if !self.opening.contains_key(id) {
                self.ports.bus.subscribe(*id, false).await;
            }
        }
        let opened = heads.map(|heads| {
            self.epoch.get_or_insert(heads.epoch);
        });
        // A dropped caller has already undone its subscription.
        drop(reply.send(opened));
    }

    async fn deliver_inbox(&mut self, user: UserId) {
        if self.subscriptions.watches_inbox(user) {
            self.broadcast(Delivery::Inbox(user)).await;
        }
    }

    async fn deliver_ephemeral(&mut self, event: EphemeralEvent) {
        if self.streams.contains_key(&event.conversation) {
            self.broadcast(Delivery::Ephemeral(Arc::new(event))).await;
        }
    }

    async fn deliver_recheck(&mut self, user: UserId) {
        if self.subscriptions.is_connected(user) {
            self.broadcast(Delivery::Recheck(user)).await;
        }
    }

    async fn broadcast(&mut self, delivery: Delivery) {
        self.ports.local_broadcast.deliver(delivery).await;
    }

    async fn offer(&mut self, changes: Vec<Change>) {
        let mut touched = Vec::new();
        let mut users = BTreeSet::new();
        for change in changes {
            match &change {
                Change::Member(member) => {
                    users.insert(member.user);
                }
                Change::Message(message) if message.is_first() => self.read_begun(message),
                Change::Message(_) | Change::Conversation(_) => {}
            }
            let conversation = change.conversation();
            if let Some(stream) = self.streams.get_mut(&conversation) {
                stream.sequencer.offer(change);
                if !touched.contains(&conversation) {
                    touched.push(conversation);
                }
            } else {
                self.learn(conversation, change.seq());
            }
        }
        for conversation in touched {
            self.deliver_ready(conversation).await;
        }
        // After the changes, so that removed members first get the change that removed them.
        for user in users {
            self.deliver_inbox(user).await;
        }
    }

    fn read_begun(&self, first: &Message) {
        let (conversation, author) = (first.conversation, first.author.id);
        let store = Arc::clone(&self.ports.store);
        self.reads
            .push(Box::pin(async move { Read::Begun(store.view(conversation, author).await) }));
    }

    /// Tells both users of a direct conversation that their lists show it from now on.
    async fn list_direct(&mut self, view: Result<Option<ConversationView>, BackendError>) {
        match view.map(|view| view.map(|view| view.conversation.kind)) {
            Ok(Some(ConversationKind::Direct(pair))) => {
                self.deliver_inbox(pair.low()).await;
                self.deliver_inbox(pair.high()).await;
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(
                error = with_causes(&error),
                "failed to read a conversation with its first message; the next sweep tells its users"
            ),
        }
    }

    fn learn(&mut self, conversation: ConversationId, to: Seq) {
        if let Some(stream) = self.streams.get_mut(&conversation) {
            stream.sequencer.learn(to);
            self.schedule(conversation, self.timing.reorder);
        } else if let Some(opening) = self.opening.get_mut(&conversation) {
            opening.newest = opening.newest.max(to);
        }
    }

    async fn deliver_ready(&mut self, conversation: ConversationId) {
        let Some(stream) = self.streams.get_mut(&conversation) else { return };
        let changes = stream.sequencer.ready();
        let to = stream.sequencer.delivered();
        if !changes.is_empty() {
            self.deliver(conversation, to, changes).await;
        }
        self.schedule(conversation, self.timing.reorder);
    }

    async fn deliver(&mut self, conversation: ConversationId, to: Seq, changes: Vec<Change>) {
        let changes = changes.into();
        self.broadcast(Delivery::Changes { conversation, to, changes }).await;
    }

    /// Schedules the read of a gap, or cancels it if the gap is closed.
    fn schedule(&mut self, conversation: ConversationId, wait: Duration) {
        let Some(stream) = self.streams.get_mut(&conversation) else { return };
        let wanted = stream.sequencer.has_gap() && !stream.reading;
        match (stream.due, wanted) {
            (Some(at), false) => {
                stream.due = None;
                self.due.remove(&(at, conversation));
            }
            (None, true) => {
                let at = Instant::now() + wait;
                stream.due = Some(at);
                self.due.insert((at, conversation));
            }
            _ => {}
        }
    }

    fn read_gaps(&mut self) {
        let now = Instant::now();
        while let Some((at, conversation)) = self.due.first().copied() {
            if at > now {
                return;
            }
            self.due.pop_first();
            let Some(stream) = self.streams.get_mut(&conversation) else { continue };
            stream.due = None;
            stream.reading = true;
            let since = stream.sequencer.delivered();
            let store = Arc::clone(&self.ports.store);
            self.reads.push(Box::pin(async move {
                Read::Gap(conversation, read_gap(&*store, conversation, since).await)
            }));
        }
    }

    async fn fill(&mut self, conversation: ConversationId, gap: Result<Gap, BackendError>) {
        let Some(stream) = self.streams.get_mut(&conversation) else { return };
        stream.reading = false;
        let sequencer = &mut stream.sequencer;
        let before = sequencer.delivered();
        let has_advanced = match gap {
            Ok(Gap::TooLong { since, head }) => {
                let has_advanced = sequencer.filled(since, head);
                if has_advanced {
                    self.broadcast(Delivery::Reset(conversation)).await;
                }
                has_advanced
            }
            Ok(Gap::Page(page)) => {
                let has_advanced = sequencer.filled(page.from, page.to);
                let mut changes = page.changes;
                changes.retain(|change| change.seq() > before);
                if has_advanced && !changes.is_empty() {
                    self.deliver(conversation, page.to, changes).await;
                }
                has_advanced
            }
            Err(error) => {
                tracing::error!(
                    error = with_causes(&error),
                    conversation.id = %conversation,
                    "failed to read missed changes; retrying"
                );
                false
            }
        };
        self.schedule(conversation, if has_advanced { Duration::ZERO } else { RETRY });
        self.deliver_ready(conversation).await;
    }

    /// Starts a sweep unless nothing is subscribed.
    async fn start_sweep(&mut self) {
        self.drop_unused_streams().await;
        let users = self.subscriptions.users();
        if self.streams.is_empty() && users.is_empty() {
            return;
        }
        self.sweeping = true;
        let delivered: HashMap<_, _> =
            self.streams.iter().map(|(id, stream)| (*id, stream.sequencer.delivered())).collect();
        let (store, accounts) = (Arc::clone(&self.ports.store), Arc::clone(&self.ports.accounts));
        self.reads.push(Box::pin(async move {
            let sweep = async {
                let ids: Vec<_> = delivered.keys().copied().collect();
                let versions = async {
                    if users.is_empty() { Ok(Vec::new()) } else { accounts.versions(&users).await }
                };
                let (heads, versions) = tokio::try_join!(store.heads(&ids), versions)?;
                Ok(Sweep { delivered, heads, users, versions })
            };
            Read::Sweep(sweep.await)
        }));
    }

    async fn end_sweep(&mut self, sweep: Sweep) {
        self.sweeping = false;
        let known = *self.epoch.get_or_insert(sweep.heads.epoch);
        let new_epoch = known != sweep.heads.epoch;
        self.epoch = Some(sweep.heads.epoch);
        for head in &sweep.heads.heads {
            let Some(before) = sweep.delivered.get(&head.conversation) else { continue };
            let went_back = head.seq < *before;
            if went_back && !new_epoch {
                tracing::error!(
                    conversation.id = %head.conversation,
                    "the store went back from change {before} to {}: after a restore, run `online-chat new-epoch`",
                    head.seq
                );
            }
            if new_epoch || went_back {
                self.reset(head.conversation, head.seq).await;
            } else {
                self.learn(head.conversation, head.seq);
            }
        }
        for user in self.subscriptions.outdated(&sweep.users, &sweep.versions) {
            self.broadcast(Delivery::Recheck(user)).await;
        }
        for user in self.subscriptions.outdated_inboxes(&sweep.versions) {
            self.broadcast(Delivery::Inbox(user)).await;
        }
    }

    async fn reset(&mut self, conversation: ConversationId, head: Seq) {
        let Some(stream) = self.streams.get_mut(&conversation) else { return };
        stream.sequencer = Sequencer::new(head);
        self.schedule(conversation, self.timing.reorder);
        self.broadcast(Delivery::Reset(conversation)).await;
    }

    async fn drop_unused_streams(&mut self) {
        let unused: Vec<_> = self
            .streams
            .keys()
            .copied()
            .filter(|id| !self.subscriptions.has_subscribers(*id))
            .collect();
        for id in unused {
            if let Some(at) = self.streams.remove(&id).and_then(|stream| stream.due) {
                self.due.remove(&(at, id));
            }
            self.ports.bus.subscribe(id, false).await;
        }
    }
}

async fn read_gap(
    store: &dyn ConversationStore,
    conversation: ConversationId,
    since: Seq,
) -> Result<Gap, BackendError> {
    let page = store.changes_since(conversation, since, PAGE).await?;
    if !page.more {
        return Ok(Gap::Page(page));
    }
    let heads = store.heads(&[conversation]).await?;
    let head = heads.heads.first().map_or(page.to, |head| head.seq);
    Ok(Gap::TooLong { since, head })
}

fn every(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

async fn until(due: Option<Instant>) {
    match due {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

struct Sweep {
    /// Per conversation when the sweep began. A head below it means that the store went back.
    delivered: HashMap<ConversationId, Seq>,
    heads: Heads,
    users: Vec<UserId>,
    versions: Vec<AccountVersions>,
}
