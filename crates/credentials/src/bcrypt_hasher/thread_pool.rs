//! A fixed number of threads for CPU-bound work.

use std::error::Error;
use std::num::NonZeroUsize;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::{io, thread};

use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// Threads that take jobs from one bounded queue, oldest first. They end once
/// the pool is dropped and the queue is empty.
#[derive(Debug)]
pub(super) struct ThreadPool {
    queue: SyncSender<Job>,
}

impl ThreadPool {
    /// `waiting` bounds the queue. Work beyond it is refused.
    pub(super) fn start(threads: NonZeroUsize, waiting: usize) -> io::Result<Self> {
        let (queue, jobs) = sync_channel(waiting);
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..threads.get() {
            let jobs = Arc::clone(&jobs);
            thread::Builder::new().name("passwords".into()).spawn(move || run_jobs(&jobs))?;
        }
        Ok(Self { queue })
    }

    /// Runs `work` on one of the threads. If the caller is dropped before `work`
    /// starts, it never runs.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Box<dyn Error + Send + Sync>> {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(move || {
            if !answer.is_closed() {
                // Sending fails if the caller is gone, and then nothing needs the answer.
                drop(answer.send(work()));
            }
        });
        self.queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => ThreadPoolError::Full,
            TrySendError::Disconnected(_) => ThreadPoolError::Gone,
        })?;
        Ok(answered.await.map_err(|_| ThreadPoolError::Gone)?)
    }
}

fn run_jobs(jobs: &Mutex<Receiver<Job>>) {
    loop {
        // The lock only lets one thread wait for the next job at a time.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // A job that panics drops its answer, which its caller sees. The thread lives on.
        drop(panic::catch_unwind(AssertUnwindSafe(job)));
    }
}

#[derive(Debug, thiserror::Error)]
enum ThreadPoolError {
    #[error("too many passwords wait to be hashed")]
    Full,
    #[error("the hashing of a password was aborted")]
    Gone,
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, mpsc};

    use super::ThreadPool;

    fn one_thread(waiting: usize) -> Arc<ThreadPool> {
        Arc::new(ThreadPool::start(NonZeroUsize::MIN, waiting).unwrap())
    }

    /// Occupies the only thread of `pool` until the sender is used.
    async fn occupy(pool: &Arc<ThreadPool>) -> (mpsc::Sender<()>, tokio::task::JoinHandle<()>) {
        let (started, begun) = tokio::sync::oneshot::channel();
        let (release, held) = mpsc::channel::<()>();
        let pool = Arc::clone(pool);
        let task = tokio::spawn(async move {
            pool.run(move || {
                started.send(()).unwrap();
                held.recv().unwrap();
            })
            .await
            .unwrap();
        });
        begun.await.unwrap();
        (release, task)
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let pool = one_thread(1);
        let (release, first) = occupy(&pool).await;
        let second = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move { pool.run(|| 2).await.unwrap() }
        });
        tokio::task::yield_now().await;

        let third = pool.run(|| 3).await;

        assert_eq!(third.unwrap_err().to_string(), "too many passwords wait to be hashed");
        release.send(()).unwrap();
        first.await.unwrap();
        assert_eq!(second.await.unwrap(), 2);
    }

    #[tokio::test]
    async fn work_of_a_dropped_caller_never_starts() {
        let pool = one_thread(4);
        let done = Arc::new(AtomicUsize::new(0));
        let (release, first) = occupy(&pool).await;
        let abandoned = tokio::spawn({
            let (pool, done) = (Arc::clone(&pool), Arc::clone(&done));
            async move { drop(pool.run(move || done.fetch_add(1, Ordering::SeqCst)).await) }
        });
        tokio::task::yield_now().await;

        abandoned.abort();
        assert!(abandoned.await.unwrap_err().is_cancelled());
        release.send(()).unwrap();

        first.await.unwrap();
        pool.run(|| ()).await.unwrap();
        assert_eq!(done.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn a_panic_fails_only_its_own_caller() {
        let pool = one_thread(4);

        let failed = pool.run(|| panic!("on purpose")).await;
        let next = pool.run(|| 1).await;

        assert_eq!(failed.unwrap_err().to_string(), "the hashing of a password was aborted");
        assert_eq!(next.unwrap(), 1);
    }
}
