//! Last-seen times: written in batches, and on shutdown.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use application::LastSeen;
use application::ports::{
    AccountStore, AccountVersions, BackendError, Clock as _, CreateAccountError, NewAccount,
    SessionState, StoreError, StoredAccount, Taken,
};
use async_trait::async_trait;
use domain::{
    Account, Email, NameRule, PasswordHash, ProfileUpdate, SessionId, Timestamp, UserId, Username,
};
use testkit::ManualClock;
use tokio::task::JoinHandle;
use tokio::time::sleep;

const ADA: UserId = UserId::new(1);
const BOB: UserId = UserId::new(2);

type Batch = Vec<(UserId, Timestamp)>;

/// Records writes; fails a given number of times.
#[derive(Default)]
struct RecordingStore {
    batches: Mutex<Vec<Batch>>,
    failures: Mutex<usize>,
}

impl RecordingStore {
    fn batches(&self) -> Vec<Batch> {
        self.batches.lock().unwrap().clone()
    }
}

struct World {
    store: Arc<RecordingStore>,
    clock: Arc<ManualClock>,
    last_seen: LastSeen,
    task: JoinHandle<()>,
}

fn world() -> World {
    let (store, clock) = (Arc::<RecordingStore>::default(), Arc::<ManualClock>::default());
    let (last_seen, task) = LastSeen::new(store.clone(), clock.clone());
    World { store, clock, last_seen, task: tokio::spawn(task.run()) }
}

impl World {
    fn leaves(&self, user: UserId) -> (UserId, Timestamp) {
        self.clock.advance(Duration::from_secs(1));
        self.last_seen.left(user);
        (user, self.clock.now())
    }
}

#[tokio::test(start_paused = true)]
async fn departures_within_seconds_are_written_together() {
    let world = world();

    world.leaves(ADA);
    let bob = world.leaves(BOB);
    let ada = world.leaves(ADA);
    sleep(Duration::from_secs(4)).await;
    let early = world.store.batches();
    sleep(Duration::from_mins(1)).await;

    assert_eq!(early, [[]; 0]);
    assert_eq!(world.store.batches(), [[ada, bob]]);
}

#[tokio::test(start_paused = true)]
async fn failed_writes_are_retried_with_later_departures() {
    let world = world();
    *world.store.failures.lock().unwrap() = 1;
    world.leaves(ADA);
    let bob = world.leaves(BOB);

    sleep(Duration::from_secs(6)).await;
    let ada = world.leaves(ADA);
    sleep(Duration::from_mins(1)).await;

    assert_eq!(world.store.batches(), [[ada, bob]]);
}

#[tokio::test(start_paused = true)]
async fn pending_departures_are_written_on_close() {
    let world = world();
    let ada = world.leaves(ADA);

    world.last_seen.close();
    world.task.await.unwrap();

    assert_eq!(world.store.batches(), [[ada]]);
}

#[tokio::test(start_paused = true)]
async fn departures_beyond_the_limit_are_dropped() {
    let world = world();

    for id in 0..70_000 {
        world.last_seen.left(UserId::new(id));
    }
    world.last_seen.close();
    world.task.await.unwrap();

    let sizes: Vec<_> = world.store.batches().iter().map(Vec::len).collect();
    assert_eq!(sizes, [65_536]);
}

const UNASKED: &str = "not used by these tests";

#[async_trait]
impl AccountStore for RecordingStore {
    async fn seen(&self, moments: &[(UserId, Timestamp)]) -> Result<(), StoreError> {
        let mut failures = self.failures.lock().unwrap();
        if *failures > 0 {
            *failures -= 1;
            return Err(StoreError::Unreachable(BackendError::new("write", "on purpose")));
        }
        self.batches.lock().unwrap().push(moments.to_vec());
        Ok(())
    }

    async fn create(&self, _: NewAccount) -> Result<Account, CreateAccountError> {
        unreachable!("{UNASKED}")
    }

    async fn taken(
        &self,
        _: Option<&Username>,
        _: Option<&Email>,
        _: NameRule,
    ) -> Result<Taken, BackendError> {
        unreachable!("{UNASKED}")
    }

    async fn by_username(&self, _: &str) -> Result<Option<StoredAccount>, BackendError> {
        unreachable!("{UNASKED}")
    }

    async fn by_equal_username(&self, _: &str) -> Result<Option<StoredAccount>, BackendError> {
        unreachable!("{UNASKED}")
    }

    async fn by_id(&self, _: UserId) -> Result<Option<Account>, BackendError> {
        unreachable!("{UNASKED}")
    }

    async fn by_ids(&self, _: &[UserId]) -> Result<Vec<Account>, BackendError> {
        unreachable!("{UNASKED}")
    }

    async fn by_id_with_session(
        &self,
        _: UserId,
        _: Option<SessionId>,
    ) -> Result<Option<(Account, SessionState)>, BackendError> {
        unreachable!("{UNASKED}")
    }

    async fn rehash(
        &self,
        _: UserId,
        _: &PasswordHash,
        _: PasswordHash,
    ) -> Result<bool, StoreError> {
        unreachable!("{UNASKED}")
    }

    async fn set_password(&self, _: UserId, _: PasswordHash) -> Result<(), StoreError> {
        unreachable!("{UNASKED}")
    }

    async fn change_password(
        &self,
        _: UserId,
        _: &PasswordHash,
        _: PasswordHash,
    ) -> Result<Option<Account>, StoreError> {
        unreachable!("{UNASKED}")
    }

    async fn set_active(&self, _: UserId, _: bool) -> Result<(), StoreError> {
        unreachable!("{UNASKED}")
    }

    async fn set_profile(
        &self,
        _: UserId,
        _: ProfileUpdate,
    ) -> Result<Option<Account>, StoreError> {
        unreachable!("{UNASKED}")
    }

    async fn versions(&self, _: &[UserId]) -> Result<Vec<AccountVersions>, BackendError> {
        unreachable!("{UNASKED}")
    }
}
