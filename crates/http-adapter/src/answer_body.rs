//! The body of an answer, charged to the budget until the client has taken it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use bytes::Bytes;
use tokio::time::Instant;

use crate::budget::{Budget, Charge};

/// Answers up to this size are always sent, and not charged.
pub(crate) const SMALL: usize = 64 * 1024;
/// Bytes of the longest slice: actix copies a slice into the write buffer of the connection.
const SLICE: usize = 32 * 1024;
/// How fast a client must take an answer, once it had the time of grace.
const SLOWEST: Pace = Pace { bytes_per_second: 4 * 1024, grace: Duration::from_secs(30) };
/// The same while the budget is exceeded.
const SLOWEST_UNDER_PRESSURE: Pace =
    Pace { bytes_per_second: 64 * 1024, grace: Duration::from_secs(2) };

#[derive(Debug, Clone, Copy)]
struct Pace {
    bytes_per_second: u64,
    grace: Duration,
}

/// The client takes the answer too slowly. The connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client reads too slowly")]
pub(crate) struct TooSlow;

/// Sends in slices what the client has room for, and counts the rest as waiting.
pub(crate) struct AnswerBody<P> {
    size: BodySize,
    /// What is left of the newest chunk, whose memory is free only with its last byte.
    rest: Bytes,
    /// Where more chunks come from.
    source: Option<BoxBody>,
    charge: Charge,
    budget: Budget,
    /// Moved by the time in which the client waited for the source.
    began: Option<Instant>,
    waits_since: Option<Instant>,
    sent: u64,
    /// Held until the answer was sent.
    _permit: P,
}

impl<P: Unpin + 'static> AnswerBody<P> {
    pub(crate) fn wrap(body: BoxBody, budget: &Budget, permit: P) -> BoxBody {
        let size = body.size();
        if size == BodySize::None {
            return body;
        }
        let (rest, source) = match body.try_into_bytes() {
            Ok(bytes) if bytes.len() <= SMALL => return BoxBody::new(bytes),
            Ok(bytes) => (bytes, None),
            Err(source) => (Bytes::new(), Some(source)),
        };
        BoxBody::new(Self {
            size,
            charge: budget.charge(rest.len()),
            rest,
            source,
            budget: budget.clone(),
            began: None,
            waits_since: None,
            sent: 0,
            _permit: permit,
        })
    }

    fn is_too_slow(&self, now: Instant) -> bool {
        let pace = if self.budget.is_exceeded() { SLOWEST_UNDER_PRESSURE } else { SLOWEST };
        let time = self.began.map_or(Duration::ZERO, |began| now - began);
        let due = time.saturating_sub(pace.grace).as_secs().saturating_mul(pace.bytes_per_second);
        self.sent < due
    }
}

impl<P: Unpin + 'static> MessageBody for AnswerBody<P> {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.size
    }

    /// Called when the connection has room for more.
    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = &mut *self;
        let now = Instant::now();
        this.began.get_or_insert(now);
        while this.rest.is_empty() {
            let Some(source) = &mut this.source else { return Poll::Ready(None) };
            this.waits_since.get_or_insert(now);
            let Some(chunk) = ready!(Pin::new(source).poll_next(cx)).transpose()? else {
                this.source = None;
                return Poll::Ready(None);
            };
            let waited = this.waits_since.take().map_or(Duration::ZERO, |since| now - since);
            this.began = this.began.map(|began| began + waited);
            this.charge.resize(chunk.len());
            this.rest = chunk;
        }
        if this.is_too_slow(now) {
            return Poll::Ready(Some(Err(TooSlow.into())));
        }
        let slice = this.rest.split_to(this.rest.len().min(SLICE));
        this.sent += slice.len() as u64;
        Poll::Ready(Some(Ok(slice)))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::Pin;
    use std::time::Duration;

    use actix_web::body::{BodySize, BodyStream, BoxBody, MessageBody as _};
    use bytes::Bytes;
    use futures_util::stream;
    use tokio::time::advance;

    use super::{AnswerBody, SLICE, SMALL, TooSlow};
    use crate::budget::Budget;

    async fn next(body: &mut BoxBody) -> Option<Result<usize, String>> {
        let polled = poll_fn(|cx| Pin::new(&mut *body).poll_next(cx)).await;
        polled.map(|slice| slice.map(|bytes| bytes.len()).map_err(|error| error.to_string()))
    }

    fn large() -> BoxBody {
        BoxBody::new(Bytes::from(vec![b'x'; SMALL + SLICE]))
    }

    #[actix_web::test]
    async fn a_large_answer_is_charged_until_it_was_sent() {
        let budget = Budget::new(usize::MAX);

        let mut body = AnswerBody::wrap(large(), &budget, ());

        assert_eq!(body.size(), BodySize::Sized((SMALL + SLICE) as u64));
        for _ in 0..3 {
            assert_eq!(next(&mut body).await, Some(Ok(SLICE)));
            assert_eq!(budget.used(), SMALL + SLICE);
        }
        assert_eq!(next(&mut body).await, None);
        drop(body);
        assert_eq!(budget.used(), 0);
    }

    #[actix_web::test]
    async fn a_stream_is_charged_for_its_newest_chunk() {
        let budget = Budget::new(usize::MAX);
        let chunks = [SLICE + 1, 5].map(|size| Ok::<_, std::io::Error>(vec![b'x'; size].into()));

        let stream = BoxBody::new(BodyStream::new(stream::iter(chunks)));
        let mut body = AnswerBody::wrap(stream, &budget, ());

        assert_eq!((body.size(), budget.used()), (BodySize::Stream, 0));
        for (size, charged) in [(SLICE, SLICE + 1), (1, SLICE + 1), (5, 5)] {
            assert_eq!((next(&mut body).await, budget.used()), (Some(Ok(size)), charged));
        }
        assert_eq!(next(&mut body).await, None);
    }

    #[actix_web::test]
    async fn a_slow_client_is_let_go() {
        tokio::time::pause();
        let too_slow = Some(Err(TooSlow.to_string()));
        for (limit, steady, stalled) in [(usize::MAX, 33, 50), (0, 2, 10)] {
            let budget = Budget::new(limit);
            let mut body = AnswerBody::wrap(large(), &budget, ());
            assert_eq!(next(&mut body).await, Some(Ok(SLICE)));

            advance(Duration::from_secs(steady)).await;
            assert_eq!(next(&mut body).await, Some(Ok(SLICE)));
            advance(Duration::from_secs(stalled - steady)).await;
            assert_eq!(next(&mut body).await, too_slow, "a budget of {limit}");
        }
    }

    #[actix_web::test]
    async fn a_client_does_not_answer_for_a_slow_source() {
        tokio::time::pause();
        let chunks = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(100)).await;
            Some((Ok::<_, std::io::Error>(Bytes::from_static(b"x")), ()))
        });
        let stream = BoxBody::new(BodyStream::new(Box::pin(chunks)));

        let mut body = AnswerBody::wrap(stream, &Budget::new(0), ());

        for _ in 0..5 {
            assert_eq!(next(&mut body).await, Some(Ok(1)));
        }
    }

    #[actix_web::test]
    async fn no_body_stays_none() {
        let none = BoxBody::new(actix_web::body::None::new());

        assert_eq!(AnswerBody::wrap(none, &Budget::new(0), ()).size(), BodySize::None);
    }

    #[actix_web::test]
    async fn a_permit_is_held_until_the_answer_was_sent() {
        let permit = std::rc::Rc::new(());

        let large = AnswerBody::wrap(large(), &Budget::new(0), permit.clone());
        let small = AnswerBody::wrap(BoxBody::new("x"), &Budget::new(0), permit.clone());

        assert_eq!(std::rc::Rc::strong_count(&permit), 2);
        drop(large);
        assert_eq!(std::rc::Rc::strong_count(&permit), 1);
        drop(small);
    }
}
