//! Stops a call where a test wants it.

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::TEST_TIMEOUT;

/// The test's handle of a stopped call. Dropping it resumes the call.
#[derive(Debug)]
pub struct Hold {
    reached: Option<oneshot::Receiver<()>>,
    release: oneshot::Sender<()>,
}

/// The side of the call.
#[derive(Debug)]
pub(crate) struct Gate {
    reached: oneshot::Sender<()>,
    released: oneshot::Receiver<()>,
}

pub(crate) fn gate() -> (Hold, Gate) {
    let (reached_tx, reached_rx) = oneshot::channel();
    let (release_tx, release_rx) = oneshot::channel();
    let hold = Hold { reached: Some(reached_rx), release: release_tx };
    (hold, Gate { reached: reached_tx, released: release_rx })
}

impl Hold {
    /// Waits until the call has stopped, for at most [`TEST_TIMEOUT`].
    pub async fn reached(&mut self) {
        if let Some(reached) = self.reached.take() {
            let arrival = timeout(TEST_TIMEOUT, reached).await;
            arrival.expect("the call never came").expect("the double was dropped");
        }
    }

    /// Resumes the call.
    pub fn release(self) {
        // Sending fails if the call was dropped, and then it needs no release.
        let _ = self.release.send(());
    }
}

impl Gate {
    pub(crate) async fn pass(self) {
        // Both fail if the test has dropped the handle, and then the call goes on.
        let _ = self.reached.send(());
        let _ = self.released.await;
    }
}
