//! Shared by the tests of the built program: the program itself, and users of it.

#[cfg(feature = "services")]
pub(crate) mod database;
#[path = "../crates/http-adapter/tests/documents/described.rs"]
pub(crate) mod described;
pub(crate) mod program;
pub(crate) mod raw;
pub(crate) mod secrets;
pub(crate) mod server;
pub(crate) mod small_disk;
pub(crate) mod socket;
#[path = "../crates/http-adapter/tests/documents/strict.rs"]
pub(crate) mod strict;
pub(crate) mod user;

use std::{future::Future, time::Duration};

use tokio::time::timeout;

/// For anything that should happen soon; generous, because all tests may share two cores.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);

const POLL_INTERVAL: Duration = Duration::from_millis(25);

/// Awaits `future`. Fails, naming `what`, when it takes longer than [`TIMEOUT`].
pub(crate) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    timeout(TIMEOUT, future).await.unwrap_or_else(|_| panic!("timed out: {what}"))
}

/// Polls `probe` until it returns something. Fails, naming `what`, when that takes longer than [`TIMEOUT`].
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut probe: impl FnMut() -> F,
) -> T {
    let mut ticks = tokio::time::interval(POLL_INTERVAL);
    soon(what, async {
        loop {
            ticks.tick().await;
            if let Some(found) = probe().await {
                return found;
            }
        }
    })
    .await
}
