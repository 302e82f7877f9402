//! The writer thread under load, with dropped callers, and after a panic.
#![expect(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use application::ports::{AccountStore, Clock, ConversationStore as _, SnapshotLimit, StoreError};
use domain::{ConversationId, Timestamp, UserId};
use persistence::{SqliteChat, SqliteOptions};
use tempfile::{TempDir, tempdir};
use testkit::values::{new_account, send};

const LOBBY: ConversationId = ConversationId::LOBBY;

/// Blocks the writer thread in a transaction, when it reads the clock.
struct Gate {
    closed: AtomicBool,
    arrived: Mutex<Sender<()>>,
    pass: Mutex<Receiver<()>>,
    panics: AtomicBool,
}

impl Clock for Gate {
    fn now(&self) -> Timestamp {
        assert!(!self.panics.swap(false, Ordering::SeqCst), "the test asked for a panic");
        if self.closed.load(Ordering::SeqCst) {
            self.arrived.lock().unwrap().send(()).unwrap();
            self.pass.lock().unwrap().recv().unwrap();
        }
        Timestamp::from_seconds(1)
    }
}

struct World {
    chat: Arc<SqliteChat>,
    ada: UserId,
    gate: Arc<Gate>,
    arrived: Receiver<()>,
    pass: Sender<()>,
    _folder: TempDir,
}

async fn world(queue: usize) -> World {
    let folder = tempdir().unwrap();
    let (arrive, arrived) = channel();
    let (pass, passed) = channel();
    let gate = Arc::new(Gate {
        closed: AtomicBool::new(false),
        arrived: Mutex::new(arrive),
        pass: Mutex::new(passed),
        panics: AtomicBool::new(false),
    });
    let path = folder.path().join("chat.sqlite3");
    let queue = NonZero::new(queue).unwrap();
    let options = SqliteOptions { queue, ..SqliteOptions::default() };
    let chat = Arc::new(SqliteChat::open(&path, gate.clone(), options).unwrap());
    let ada = AccountStore::create(&*chat, new_account("ada")).await.unwrap().id;
    World { chat, ada, gate, arrived, pass, _folder: folder }
}

impl World {
    fn send(&self, n: u128) -> tokio::task::JoinHandle<Result<usize, StoreError>> {
        let (chat, ada) = (Arc::clone(&self.chat), self.ada);
        tokio::spawn(async move {
            let answers = chat.commit(vec![send(LOBBY, ada, n, &n.to_string())]).await?;
            Ok(answers.iter().filter(|answer| answer.is_ok()).count())
        })
    }

    async fn texts(&self) -> Vec<String> {
        let snapshot = self.chat.newest(LOBBY, SnapshotLimit::ALL).await.unwrap();
        snapshot.messages.iter().map(|message| message.body.as_str().to_owned()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_at_once_and_readers_go_on() {
    let world = world(2).await;
    world.gate.closed.store(true, Ordering::SeqCst);
    let first = world.send(1);
    world.arrived.recv().unwrap();
    let mut waiting = Vec::new();
    for n in 2..4 {
        let mut commit = Box::pin(world.chat.commit(vec![send(LOBBY, world.ada, n, "x")]));
        assert!(futures_util::poll!(&mut commit).is_pending());
        waiting.push(commit);
    }

    let refused = world.send(4).await.unwrap();

    let error = refused.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable(_)), "{error:?}");
    assert_eq!(world.texts().await, Vec::<String>::new());
    world.gate.closed.store(false, Ordering::SeqCst);
    world.pass.send(()).unwrap();
    assert_eq!(first.await.unwrap().unwrap(), 1);
    for commit in waiting {
        assert_eq!(commit.await.unwrap().len(), 1);
    }
    assert_eq!(world.texts().await, ["1", "x", "x"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_completes_although_its_caller_is_dropped() {
    let world = world(8).await;
    world.gate.closed.store(true, Ordering::SeqCst);
    let gone = world.send(1);
    world.arrived.recv().unwrap();

    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    world.gate.closed.store(false, Ordering::SeqCst);
    world.pass.send(()).unwrap();

    assert_eq!(world.send(2).await.unwrap().unwrap(), 1);
    assert_eq!(world.texts().await, ["1", "2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_finishes_queued_commits() {
    let world = world(8).await;
    world.gate.closed.store(true, Ordering::SeqCst);
    let first = world.send(1);
    world.arrived.recv().unwrap();
    let mut second = Box::pin(world.chat.commit(vec![send(LOBBY, world.ada, 2, "2")]));
    assert!(futures_util::poll!(&mut second).is_pending());

    let mut close = Box::pin(world.chat.close());
    assert!(futures_util::poll!(&mut close).is_pending());
    world.gate.closed.store(false, Ordering::SeqCst);
    world.pass.send(()).unwrap();
    close.await.unwrap();

    assert_eq!(first.await.unwrap().unwrap(), 1);
    assert_eq!(second.await.unwrap().len(), 1);
    let late = world.chat.commit(vec![send(LOBBY, world.ada, 3, "3")]).await.unwrap_err();
    assert!(matches!(late, StoreError::Unreachable(_)), "{late:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_rolls_back_and_the_thread_goes_on() {
    let world = world(8).await;
    assert_eq!(world.send(1).await.unwrap().unwrap(), 1);
    world.gate.panics.store(true, Ordering::SeqCst);

    let failed = world.send(2).await.unwrap().unwrap_err();

    assert!(matches!(failed, StoreError::Failed(_)), "{failed:?}");
    assert_eq!(world.send(3).await.unwrap().unwrap(), 1);
    assert_eq!(world.texts().await, ["1", "3"]);
    assert_eq!(world.chat.synchronous().await.unwrap(), 2);
}
