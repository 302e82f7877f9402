//! A few threads for work that takes long.

use std::error::Error;
use std::num::NonZeroUsize;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::{io, thread};

use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// Threads that take work from one bounded queue, oldest first. They end once
/// the pool is dropped and the queue is empty.
#[derive(Debug)]
pub(super) struct Pool {
    queue: SyncSender<Job>,
}

impl Pool {
    /// Starts the threads. `waiting` bounds the queue: past it work is refused.
    pub(super) fn start(threads: NonZeroUsize, waiting: usize) -> io::Result<Self> {
        let (queue, jobs) = sync_channel(waiting);
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..threads.get() {
            let jobs = Arc::clone(&jobs);
            thread::Builder::new().name("passwords".into()).spawn(move || work_off(&jobs))?;
        }
        Ok(Self { queue })
    }

    /// Does `work` on one of the threads. Work whose caller has gone before it
    /// was begun is left undone.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Box<dyn Error + Send + Sync>> {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(move || {
            if !answer.is_closed() {
                // A caller that left meanwhile wants no answer.
                drop(answer.send(work()));
            }
        });
        self.queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => PoolError::Full,
            TrySendError::Disconnected(_) => PoolError::Gone,
        })?;
        Ok(answered.await.map_err(|_| PoolError::Gone)?)
    }
}

fn work_off(jobs: &Mutex<Receiver<Job>>) {
    loop {
        // The lock protects nothing but the place at the head of the queue.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // A job that panics drops its answer, which its caller notices; the thread goes on.
        drop(panic::catch_unwind(AssertUnwindSafe(job)));
    }
}

#[derive(Debug, thiserror::Error)]
enum PoolError {
    #[error("too many passwords are waiting")]
    Full,
    #[error("the work was given up")]
    Gone,
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, mpsc};

    use super::Pool;

    fn one_thread(waiting: usize) -> Arc<Pool> {
        Arc::new(Pool::start(NonZeroUsize::MIN, waiting).unwrap())
    }

    /// Occupies the only thread of `pool` until something is sent.
    async fn occupy(pool: &Arc<Pool>) -> (mpsc::Sender<()>, tokio::task::JoinHandle<()>) {
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

        assert_eq!(third.unwrap_err().to_string(), "too many passwords are waiting");
        release.send(()).unwrap();
        first.await.unwrap();
        assert_eq!(second.await.unwrap(), 2);
    }

    #[tokio::test]
    async fn work_whose_caller_has_gone_is_not_begun() {
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
    async fn a_panic_fails_its_caller_and_nobody_else() {
        let pool = one_thread(4);

        let failed = pool.run(|| panic!("on purpose")).await;
        let next = pool.run(|| 1).await;

        assert_eq!(failed.unwrap_err().to_string(), "the work was given up");
        assert_eq!(next.unwrap(), 1);
    }
}
