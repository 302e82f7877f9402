//! Stopping a call where a test wants it.

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::PATIENCE;

/// A test's end of a stopped call. Dropping it lets the call go on.
#[derive(Debug)]
pub struct Hold {
    reached: Option<oneshot::Receiver<()>>,
    release: oneshot::Sender<()>,
}

/// The call's end.
#[derive(Debug)]
pub(crate) struct Gate {
    reached: oneshot::Sender<()>,
    released: oneshot::Receiver<()>,
}

/// A pair of ends.
pub(crate) fn gate() -> (Hold, Gate) {
    let (reached_tx, reached_rx) = oneshot::channel();
    let (release_tx, release_rx) = oneshot::channel();
    let hold = Hold { reached: Some(reached_rx), release: release_tx };
    (hold, Gate { reached: reached_tx, released: release_rx })
}

impl Hold {
    /// Waits until the call stands here, for at most [`PATIENCE`].
    pub async fn reached(&mut self) {
        if let Some(reached) = self.reached.take() {
            let arrival = timeout(PATIENCE, reached).await;
            arrival.expect("the call never came").expect("the double was dropped");
        }
    }

    /// Lets the call go on.
    pub fn release(self) {
        // A call that was dropped meanwhile needs no release.
        let _ = self.release.send(());
    }
}

impl Gate {
    pub(crate) async fn pass(self) {
        // A test that does not watch, or has let go, stops nobody.
        let _ = self.reached.send(());
        let _ = self.released.await;
    }
}
