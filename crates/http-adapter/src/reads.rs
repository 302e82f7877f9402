//! Reads over REST, which are limited by rate and by number.

use std::sync::Arc;

use actix_web::{HttpMessage as _, HttpRequest};
use application::ReadPermit;
use application::ports::RetryAfter;
use domain::Account;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::state::State;

/// Answers that are made at the same time. With its JSON, a page of messages takes some MiB.
const MOST: usize = 32;

/// Bounds the memory of answers that are being made.
#[derive(Debug, Clone)]
pub struct Reads(Arc<Semaphore>);

impl Default for Reads {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST)))
    }
}

/// An answer that is being made.
struct Making {
    _permit: OwnedSemaphorePermit,
}

/// Admits the read of an account, as soon as its answer can be made.
pub(crate) async fn begin(
    state: &State,
    request: &HttpRequest,
    account: &Account,
) -> Result<(), RetryAfter> {
    if !request.method().is_safe() {
        return Ok(());
    }
    let permit = state.chat.begin_read(account, state.proxies.client(request)).await?;
    // Never closed.
    let making = Arc::clone(&state.reads.0).acquire_owned().await.ok();
    let mut extensions = request.extensions_mut();
    extensions.insert(permit);
    extensions.insert(making.map(|permit| Making { _permit: permit }));
    Ok(())
}

/// The answer is made. Returns the permit to hold until the client has taken it.
pub(crate) fn made(request: &HttpRequest) -> Option<ReadPermit> {
    let mut extensions = request.extensions_mut();
    extensions.remove::<Option<Making>>();
    extensions.remove()
}
