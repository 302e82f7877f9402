//! Response bodies that many connections share.

use std::borrow::Cow;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;

/// Bytes of the longest slice.
const SLICE: usize = 32 * 1024;

/// Sends a body in slices. actix would copy a whole body into the write buffer of each connection
/// until the client reads it.
#[derive(Debug)]
pub(crate) struct Sliced(pub(crate) Bytes);

impl From<Cow<'static, [u8]>> for Sliced {
    fn from(embedded: Cow<'static, [u8]>) -> Self {
        Self(match embedded {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        })
    }
}

impl MessageBody for Sliced {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.0.len() as u64)
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        let length = self.0.len().min(SLICE);
        Poll::Ready((length > 0).then(|| Ok(self.0.split_to(length))))
    }
}
