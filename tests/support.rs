//! What the tests of the built program share: the program itself, and people
//! who use it.

#[cfg(feature = "services")]
pub(crate) mod database;
#[path = "../crates/http-adapter/tests/documents/described.rs"]
pub(crate) mod described;
pub(crate) mod program;
pub(crate) mod raw;
pub(crate) mod server;
pub(crate) mod small_disk;
pub(crate) mod socket;
#[path = "../crates/http-adapter/tests/documents/strict.rs"]
pub(crate) mod strict;
pub(crate) mod user;

use std::{future::Future, time::Duration};

use tokio::time::timeout;

/// Longest wait for anything that should happen soon; generous, as all tests
/// may share two cores.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Pause between two looks at something that tells nobody when it changes.
const GLANCE: Duration = Duration::from_millis(25);

/// Awaits `future`; fails, naming `what`, when it takes longer than [`PATIENCE`].
pub(crate) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

/// Asks `probe` again and again until it gives something; fails, naming
/// `what`, when that takes longer than [`PATIENCE`].
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut probe: impl FnMut() -> F,
) -> T {
    let mut glances = tokio::time::interval(GLANCE);
    soon(what, async {
        loop {
            glances.tick().await;
            if let Some(found) = probe().await {
                return found;
            }
        }
    })
    .await
}
