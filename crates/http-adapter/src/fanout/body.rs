//! The connection's side of an outbox.

use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;

use super::Outbox;

/// A response body that is what the outbox gives out. The connection asks for
/// as much as it can write at once, so frames that wait leave together.
#[derive(Debug)]
pub(crate) struct OutboxBody(pub(crate) Rc<Outbox>);

impl MessageBody for OutboxBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        self.0.poll_slice(cx).map(|slice| slice.map(Ok))
    }
}

impl Drop for OutboxBody {
    fn drop(&mut self) {
        self.0.hang_up();
    }
}
