//! Shared reads of the newest history: many simultaneous connects cost one query.

use std::collections::HashMap;
use std::sync::Arc;

use domain::{ConversationId, Epoch, Head, Message};
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot};

use crate::ports::{BackendError, ConversationStore, Snapshot, SnapshotLimit};

/// Requests that may wait for the task; further callers wait for space.
const QUEUE: usize = 1024;
/// Renderings kept while their head does not move.
const KEPT: usize = 8;

/// Serves renderings of the newest history. Cheap to clone.
#[derive(Debug)]
pub struct Snapshots<T> {
    queue: mpsc::Sender<Request<T>>,
}

impl<T> Clone for Snapshots<T> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone() }
    }
}

type Key = (ConversationId, SnapshotLimit);
type Reply<T> = oneshot::Sender<Result<Arc<T>, BackendError>>;

#[derive(Debug)]
struct Request<T> {
    key: Key,
    reply: Reply<T>,
}

impl<T: Send + Sync + 'static> Snapshots<T> {
    /// Also returns the task that the caller must run. `render` converts a snapshot into the
    /// value that callers share.
    pub fn new(
        store: Arc<dyn ConversationStore>,
        render: impl Fn(&Snapshot) -> T + Send + Sync + 'static,
    ) -> (Self, SnapshotsTask<T>) {
        let (queue, requests) = mpsc::channel(QUEUE);
        let task = SnapshotsTask {
            requests,
            store,
            render: Arc::new(render),
            waiting: HashMap::new(),
            kept: Vec::new(),
            reads: FuturesUnordered::new(),
        };
        (Self { queue }, task)
    }

    /// Returns the newest history, read after this call began: callers share a read only if they
    /// asked before it started.
    pub async fn read(
        &self,
        conversation: ConversationId,
        limit: SnapshotLimit,
    ) -> Result<Arc<T>, BackendError> {
        let stopped = || BackendError::new("read a history", "its task has stopped");
        let (reply, answer) = oneshot::channel();
        let request = Request { key: (conversation, limit), reply };
        self.queue.send(request).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

/// The task behind [`Snapshots`].
pub struct SnapshotsTask<T> {
    requests: mpsc::Receiver<Request<T>>,
    store: Arc<dyn ConversationStore>,
    render: Arc<dyn Fn(&Snapshot) -> T + Send + Sync>,
    /// Per read in progress: the callers that share it, and those that came too late.
    waiting: HashMap<Key, Waiting<T>>,
    /// Newest last.
    kept: Vec<(Key, Rendering<T>)>,
    reads: FuturesUnordered<BoxFuture<'static, Read<T>>>,
}

struct Waiting<T> {
    sharing: Vec<Reply<T>>,
    next: Vec<Reply<T>>,
}

type Read<T> = (Key, Result<Rendering<T>, BackendError>);

/// The rendered history at a head; valid while the head does not move.
struct Rendering<T> {
    epoch: Epoch,
    head: Head,
    shared: Arc<T>,
}

impl<T> Clone for Rendering<T> {
    fn clone(&self) -> Self {
        Self { epoch: self.epoch, head: self.head, shared: Arc::clone(&self.shared) }
    }
}

impl<T: Send + Sync + 'static> SnapshotsTask<T> {
    /// Runs until every [`Snapshots`] is dropped.
    pub async fn run(mut self) {
        loop {
            tokio::select! {
                request = self.requests.recv() => match request {
                    None => return,
                    Some(Request { key, reply }) => self.ask(key, reply),
                },
                Some((key, result)) = self.reads.next() => self.answer(key, result),
            }
        }
    }

    fn ask(&mut self, key: Key, reply: Reply<T>) {
        if let Some(waiting) = self.waiting.get_mut(&key) {
            waiting.next.push(reply);
        } else {
            self.start(key, vec![reply]);
        }
    }

    fn start(&mut self, key: Key, mut sharing: Vec<Reply<T>>) {
        // The read has not begun, so every waiting request may share it.
        let mut others = Vec::new();
        while let Ok(request) = self.requests.try_recv() {
            if request.key == key { sharing.push(request.reply) } else { others.push(request) }
        }
        self.waiting.insert(key, Waiting { sharing, next: Vec::new() });
        let kept = self.kept.iter().find(|(kept, _)| *kept == key).map(|(_, r)| r.clone());
        let (store, render) = (Arc::clone(&self.store), Arc::clone(&self.render));
        self.reads.push(Box::pin(async move { (key, read(&*store, key, kept, &*render).await) }));
        for Request { key, reply } in others {
            self.ask(key, reply);
        }
    }

    fn answer(&mut self, key: Key, result: Result<Rendering<T>, BackendError>) {
        let Some(Waiting { sharing, next }) = self.waiting.remove(&key) else { return };
        let shared = result.map(|rendering| {
            let shared = Arc::clone(&rendering.shared);
            self.kept.retain(|(kept, _)| *kept != key);
            if self.kept.len() >= KEPT {
                self.kept.remove(0);
            }
            self.kept.push((key, rendering));
            shared
        });
        for reply in sharing {
            // The caller may be gone.
            drop(reply.send(shared.clone()));
        }
        if !next.is_empty() {
            self.start(key, next);
        }
    }
}

async fn read<T>(
    store: &dyn ConversationStore,
    (conversation, limit): Key,
    kept: Option<Rendering<T>>,
    render: &(dyn Fn(&Snapshot) -> T + Send + Sync),
) -> Result<Rendering<T>, BackendError> {
    let heads = store.heads(&[conversation]).await?;
    if let Some(kept) = kept
        && kept.epoch == heads.epoch
        && heads.heads.first() == Some(&kept.head)
    {
        return Ok(kept);
    }
    let mut snapshot = store.newest(conversation, limit).await?;
    shorten(&mut snapshot.messages, limit.bytes);
    let shared = Arc::new(render(&snapshot));
    Ok(Rendering { epoch: heads.epoch, head: snapshot.head, shared })
}

/// Keeps the newest messages that fit, at least one. The store has counted the texts before they were
/// encoded.
fn shorten(messages: &mut Vec<Arc<Message>>, bytes: usize) {
    let mut total = 0_usize;
    let fits = |message: &&Arc<Message>| {
        total = total.saturating_add(message.body.json_size());
        total <= bytes
    };
    let fitting = messages.iter().rev().take_while(fits).count().max(1);
    messages.drain(..messages.len().saturating_sub(fitting));
}
