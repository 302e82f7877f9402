//! Sequences what was committed, here or elsewhere, towards the sockets of
//! this node, and hunts for what the hints left out.

mod sequencer;
mod subscriptions;
mod sweep;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use domain::{AuthVersion, Change, ConversationId, EphemeralEvent, Epoch, Seq, UserId};
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};

use crate::ports::{
    AccountStore, BackendError, Bus, BusEvent, ChangePage, ConversationStore, Delivery,
    InboxVersion, LocalBroadcast,
};
use sequencer::Sequencer;
use subscriptions::Subscriptions;
use sweep::Sweep;

/// Offers and subscriptions that may wait for the task; senders past that wait.
const QUEUE: usize = 1024;
/// Rows of one read of a gap.
const PAGE: usize = 500;
/// Before a read that failed, or brought nothing, is tried again.
const RETRY: Duration = Duration::from_millis(250);

/// How long the hub waits for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HubTiming {
    /// Before a gap is read from the store: hints may come out of order.
    pub reorder: Duration,
    /// Between two sweeps, each over everything that is watched here.
    pub sweep: Duration,
    /// The same while no hints come.
    pub sweep_without_hints: Duration,
}

impl Default for HubTiming {
    fn default() -> Self {
        Self {
            reorder: Duration::from_millis(25),
            sweep: Duration::from_secs(2),
            sweep_without_hints: Duration::from_millis(750),
        }
    }
}

/// Takes changes and subscriptions of this node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Hub {
    queue: mpsc::Sender<Command>,
    subscriptions: Arc<Subscriptions>,
}

#[derive(Debug)]
enum Command {
    Offer(Vec<Change>),
    Subscribe(Vec<ConversationId>, oneshot::Sender<Result<(), BackendError>>),
    InboxChanged(UserId),
    EphemeralEvent(Arc<EphemeralEvent>),
    RightsChanged(UserId),
}

impl Hub {
    /// The hub, and the task that has to be run for it.
    #[must_use]
    pub fn new(
        store: Arc<dyn ConversationStore>,
        accounts: Arc<dyn AccountStore>,
        bus: Arc<dyn Bus>,
        local_broadcast: Arc<dyn LocalBroadcast>,
        timing: HubTiming,
    ) -> (Self, HubTask) {
        let (queue, commands) = mpsc::channel(QUEUE);
        let subscriptions = Arc::new(Subscriptions::default());
        let task = HubTask {
            commands,
            subscriptions: Arc::clone(&subscriptions),
            store,
            accounts,
            bus,
            local_broadcast,
            timing,
            streams: HashMap::new(),
            due: BTreeSet::new(),
            jobs: FuturesUnordered::new(),
            epoch: None,
            sweeping: false,
        };
        (Self { queue, subscriptions }, task)
    }

    /// Takes what was committed, in any order, any number of times.
    pub async fn offer(&self, changes: Vec<Change>) {
        // Without its task there is nobody left to tell.
        drop(self.queue.send(Command::Offer(changes)).await);
    }

    /// Asks for deliveries of a conversation; once it returns, everything that
    /// is committed from now on will be delivered. Counted: each call that
    /// succeeds wants its [`Self::unsubscribe`].
    pub async fn subscribe(&self, conversation: ConversationId) -> Result<(), BackendError> {
        self.subscribe_all(vec![conversation]).await
    }

    /// [`Self::subscribe`] for many, with one read of all heads; for all or none.
    pub async fn subscribe_all(
        &self,
        conversations: Vec<ConversationId>,
    ) -> Result<(), BackendError> {
        let stopped = || BackendError::new("listen", "the hub has stopped");
        for conversation in &conversations {
            self.subscriptions.subscribe(*conversation);
        }
        // Undone if the caller goes away while it waits, too.
        let undo =
            Undo { subscriptions: &self.subscriptions, conversations: conversations.clone() };
        let (reply, answer) = oneshot::channel();
        let command = Command::Subscribe(conversations, reply);
        self.queue.send(command).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())??;
        std::mem::forget(undo);
        Ok(())
    }

    /// Takes one [`Self::subscribe`] back.
    pub fn unsubscribe(&self, conversation: ConversationId) {
        self.subscriptions.unsubscribe(conversation);
    }

    /// Watches what an account alone is shown: [`Delivery::Inbox`] follows
    /// whenever it has become another. Counted, as [`Self::subscribe`].
    pub fn watch_inbox(&self, user: UserId) {
        self.subscriptions.watch_inbox(user);
    }

    /// Takes one [`Self::watch_inbox`] back.
    pub fn unwatch_inbox(&self, user: UserId) {
        self.subscriptions.unwatch_inbox(user);
    }

    /// A connection knows what its account alone is shown, as of this number:
    /// another one, found by a sweep, is news to it.
    pub fn saw_inbox(&self, user: UserId, number: InboxVersion) {
        self.subscriptions.saw_inbox(user, number);
    }

    /// What an account alone is shown has become another, here.
    pub async fn inbox_changed(&self, user: UserId) {
        // Without its task there is nobody left to tell.
        drop(self.queue.send(Command::InboxChanged(user)).await);
    }

    /// Shows something for a moment, here and on the other nodes. Never waits:
    /// there is no room, and it is lost.
    pub fn publish_ephemeral(&self, signal: EphemeralEvent) {
        drop(self.queue.try_send(Command::EphemeralEvent(Arc::new(signal))));
    }

    /// Watches an account: [`Delivery::Recheck`] follows once it is found with
    /// another version. Counted, as [`Self::subscribe`].
    pub fn connected(&self, user: UserId, version: AuthVersion) {
        self.subscriptions.connected(user, version);
    }

    /// Takes one [`Self::connected`] back; says whether it was the last of this account.
    #[must_use]
    pub fn disconnected(&self, user: UserId) -> bool {
        self.subscriptions.disconnected(user)
    }

    /// The rights of an account may have ended, here: its connections need not wait
    /// for the next sweep.
    pub async fn rights_changed(&self, user: UserId) {
        // Without its task there is nobody left to tell.
        drop(self.queue.send(Command::RightsChanged(user)).await);
    }
}

struct Undo<'a> {
    subscriptions: &'a Subscriptions,
    conversations: Vec<ConversationId>,
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        for conversation in &self.conversations {
            self.subscriptions.unsubscribe(*conversation);
        }
    }
}

/// The working side of a [`Hub`].
pub struct HubTask {
    commands: mpsc::Receiver<Command>,
    subscriptions: Arc<Subscriptions>,
    store: Arc<dyn ConversationStore>,
    accounts: Arc<dyn AccountStore>,
    bus: Arc<dyn Bus>,
    local_broadcast: Arc<dyn LocalBroadcast>,
    timing: HubTiming,
    streams: HashMap<ConversationId, Stream>,
    /// When gaps are to be read.
    due: BTreeSet<(Instant, ConversationId)>,
    jobs: FuturesUnordered<BoxFuture<'static, Job>>,
    epoch: Option<Epoch>,
    sweeping: bool,
}

/// A conversation with listeners here.
struct Stream {
    sequencer: Sequencer,
    due: Option<Instant>,
    reading: bool,
}

/// A read that has ended.
enum Job {
    Gap(ConversationId, Result<Gap, BackendError>),
    Sweep(Result<Sweep, BackendError>),
}

/// What was found in a gap.
enum Gap {
    /// All of it.
    Page(ChangePage),
    /// More than a page, as of this head. A row made in one page and changed in
    /// the next is only in the next, so that event_since them one by one would tell
    /// of a change to what was never told.
    TooLong { since: Seq, head: Seq },
}

impl HubTask {
    /// Runs until every [`Hub`] is gone.
    pub async fn run(mut self) {
        let mut sweeps = every(self.timing.sweep);
        loop {
            let due = self.due.first().map(|(at, _)| *at);
            tokio::select! {
                command = self.commands.recv() => match command {
                    None => return,
                    Some(Command::Offer(changes)) => self.offer(changes).await,
                    Some(Command::Subscribe(conversations, reply)) => {
                        // Who asked may have gone; its undo has then run.
                        drop(reply.send(self.open(&conversations).await));
                    }
                    Some(Command::InboxChanged(user)) => self.tell_inbox(user).await,
                    Some(Command::EphemeralEvent(signal)) => {
                        self.bus.publish_ephemeral(&signal).await;
                        self.show(signal).await;
                    }
                    Some(Command::RightsChanged(user)) => self.ask_again(user).await,
                },
                event = self.bus.next() => match event {
                    BusEvent::Changed(changes) => self.offer(changes).await,
                    BusEvent::HeadAdvanced(conversation, to) => self.learn(conversation, to),
                    BusEvent::Ephemeral(signal) => self.show(Arc::new(signal)).await,
                    // The first tick is at once.
                    BusEvent::Disconnected => sweeps = every(self.timing.sweep_without_hints),
                    BusEvent::Reconnected => sweeps = every(self.timing.sweep),
                },
                Some(job) = self.jobs.next() => match job {
                    Job::Gap(conversation, page) => self.fill(conversation, page).await,
                    Job::Sweep(sweep) => self.end_sweep(sweep).await,
                },
                () = until(due) => self.read_gaps(),
                _ = sweeps.tick() => self.start_sweep().await,
            }
        }
    }

    async fn open(&mut self, conversations: &[ConversationId]) -> Result<(), BackendError> {
        let is_new = |id: &ConversationId| !self.streams.contains_key(id);
        let new: Vec<ConversationId> = conversations.iter().copied().filter(is_new).collect();
        if new.is_empty() {
            return Ok(());
        }
        for id in &new {
            self.bus.subscribe(*id, true).await;
        }
        let heads = match self.store.heads(&new).await {
            Ok(heads) => heads,
            Err(error) => {
                for id in &new {
                    self.bus.subscribe(*id, false).await;
                }
                return Err(error);
            }
        };
        self.epoch.get_or_insert(heads.epoch);
        let known: HashMap<_, _> =
            heads.heads.iter().map(|head| (head.conversation, head.seq)).collect();
        for id in new {
            let head = known.get(&id).copied().unwrap_or(Seq::ZERO);
            let stream = Stream { sequencer: Sequencer::new(head), due: None, reading: false };
            self.streams.insert(id, stream);
        }
        Ok(())
    }

    async fn tell_inbox(&mut self, user: UserId) {
        if self.subscriptions.watches_inbox(user) {
            self.local_broadcast.deliver(Delivery::Inbox(user)).await;
        }
    }

    async fn show(&mut self, signal: Arc<EphemeralEvent>) {
        if self.streams.contains_key(&signal.conversation) {
            self.local_broadcast.deliver(Delivery::Ephemeral(signal)).await;
        }
    }

    async fn ask_again(&mut self, user: UserId) {
        if self.subscriptions.is_connected(user) {
            self.local_broadcast.deliver(Delivery::Recheck(user)).await;
        }
    }

    async fn offer(&mut self, changes: Vec<Change>) {
        let mut touched = Vec::new();
        let mut moved = BTreeSet::new();
        for change in changes {
            if let Change::Member(member) = &change {
                moved.insert(member.user);
            }
            let conversation = change.conversation();
            if let Some(stream) = self.streams.get_mut(&conversation) {
                stream.sequencer.offer(change);
                if !touched.contains(&conversation) {
                    touched.push(conversation);
                }
            }
        }
        for conversation in touched {
            self.deliver_ready(conversation).await;
        }
        // Who is put out is told so by the change itself, if it can be.
        for user in moved {
            self.tell_inbox(user).await;
        }
    }

    fn learn(&mut self, conversation: ConversationId, to: Seq) {
        if let Some(stream) = self.streams.get_mut(&conversation) {
            stream.sequencer.learn(to);
            self.schedule(conversation, self.timing.reorder);
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
        self.local_broadcast.deliver(Delivery::Changes { conversation, to, changes }).await;
    }

    /// Sets the moment at which a gap is read, or takes it back.
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
            let store = Arc::clone(&self.store);
            self.jobs.push(Box::pin(async move {
                Job::Gap(conversation, read_gap(&*store, conversation, since).await)
            }));
        }
    }

    async fn fill(&mut self, conversation: ConversationId, gap: Result<Gap, BackendError>) {
        let Some(stream) = self.streams.get_mut(&conversation) else { return };
        stream.reading = false;
        let sequencer = &mut stream.sequencer;
        let before = sequencer.delivered();
        let came_on = match gap {
            Ok(Gap::TooLong { since, head }) => {
                let came_on = sequencer.filled(since, head);
                if came_on {
                    self.local_broadcast.deliver(Delivery::Reset(conversation)).await;
                }
                came_on
            }
            Ok(Gap::Page(page)) => {
                let came_on = sequencer.filled(page.from, page.to);
                let mut changes = page.changes;
                changes.retain(|change| change.seq() > before);
                if came_on && !changes.is_empty() {
                    self.deliver(conversation, page.to, changes).await;
                }
                came_on
            }
            Err(error) => {
                let error = &error as &(dyn std::error::Error + 'static);
                tracing::error!(error, "a gap could not be read");
                false
            }
        };
        self.schedule(conversation, if came_on { Duration::ZERO } else { RETRY });
        self.deliver_ready(conversation).await;
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
