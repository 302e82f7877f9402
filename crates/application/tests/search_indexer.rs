//! The search index follows the messages.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use application::SearchIndexer;
use application::ports::{BackendError, SearchIndex, StoreError};
use async_trait::async_trait;
use tokio::time::{Instant, sleep};

/// Counts messages that wait; can be made to fail.
#[derive(Default)]
struct Queue {
    waiting: Mutex<usize>,
    largest: Mutex<usize>,
    fails: Mutex<bool>,
}

impl Queue {
    fn write(&self, messages: usize) {
        *self.waiting.lock().unwrap() += messages;
    }

    fn waiting(&self) -> usize {
        *self.waiting.lock().unwrap()
    }
}

#[async_trait]
impl SearchIndex for Queue {
    async fn index_new(&self, limit: usize) -> Result<usize, StoreError> {
        if *self.fails.lock().unwrap() {
            return Err(StoreError::Unreachable(BackendError::new("index", "away")));
        }
        let mut waiting = self.waiting.lock().unwrap();
        let indexed = limit.min(*waiting);
        *waiting -= indexed;
        let mut largest = self.largest.lock().unwrap();
        *largest = indexed.max(*largest);
        Ok(indexed)
    }
}

#[tokio::test(start_paused = true)]
async fn new_messages_are_indexed_within_two_seconds_in_bounded_batches() {
    let queue = Arc::<Queue>::default();
    let (indexer, task) = SearchIndexer::new(queue.clone());
    tokio::spawn(task.run());
    sleep(Duration::from_millis(1)).await;

    for _ in 0..30 {
        queue.write(1_200);
        indexer.notify();
        let written = Instant::now();
        while queue.waiting() > 0 {
            sleep(Duration::from_millis(10)).await;
        }
        assert!(written.elapsed() <= Duration::from_secs(2));
    }

    assert!(*queue.largest.lock().unwrap() <= 500);
}

#[tokio::test(start_paused = true)]
async fn messages_of_an_earlier_run_are_indexed_at_the_start() {
    let queue = Arc::<Queue>::default();
    queue.write(700);
    let (_indexer, task) = SearchIndexer::new(queue.clone());

    tokio::spawn(task.run());
    sleep(Duration::from_millis(1)).await;

    assert_eq!(queue.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_retried() {
    let queue = Arc::<Queue>::default();
    let (indexer, task) = SearchIndexer::new(queue.clone());
    tokio::spawn(task.run());
    *queue.fails.lock().unwrap() = true;
    queue.write(1);
    indexer.notify();
    sleep(Duration::from_secs(5)).await;
    assert_eq!(queue.waiting(), 1);

    *queue.fails.lock().unwrap() = false;
    sleep(Duration::from_secs(3)).await;

    assert_eq!(queue.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_task_indexes_the_rest_and_ends_with_the_last_handle() {
    let queue = Arc::<Queue>::default();
    let (indexer, task) = SearchIndexer::new(queue.clone());
    let task = tokio::spawn(task.run());
    sleep(Duration::from_millis(1)).await;
    queue.write(1);
    indexer.notify();

    drop(indexer);
    task.await.unwrap();

    assert_eq!(queue.waiting(), 0);
}
