//! Reads over REST, which are limited by rate and by number.

use std::sync::Arc;

use actix_web::{HttpMessage as _, HttpRequest};
use application::ports::RetryAfter;
use application::{Chat, ClientAddress, ReadPermit};
use domain::Account;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

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

impl Reads {
    /// Admits the read of an account, as soon as its answer can be made.
    pub(crate) async fn begin(
        &self,
        chat: &Chat,
        request: &HttpRequest,
        (account, address): (&Account, ClientAddress),
    ) -> Result<(), RetryAfter> {
        if !request.method().is_safe() {
            return Ok(());
        }
        let permit = chat.begin_read(account, address).await?;
        // Never closed.
        let making = Arc::clone(&self.0).acquire_owned().await.ok();
        let mut extensions = request.extensions_mut();
        extensions.insert(permit);
        extensions.insert(making.map(|permit| Making { _permit: permit }));
        Ok(())
    }
}

/// Lets others make their answers, while this read waits for its turn in a queue of its own.
pub(crate) fn waits_for_its_turn(request: &HttpRequest) {
    request.extensions_mut().remove::<Option<Making>>();
}

/// The answer is made. Returns the permit to hold until the client has taken it.
pub(crate) fn made(request: &HttpRequest) -> Option<ReadPermit> {
    waits_for_its_turn(request);
    request.extensions_mut().remove()
}
