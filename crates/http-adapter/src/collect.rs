//! Reads request bodies, within limits.

use std::time::Duration;

use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderValue};
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt as _;
use tokio::time::{Instant, timeout, timeout_at};

use crate::budget::{Budget, Charge};

/// In each span of this length, a client must send at least [`SLOWEST`] bytes, or the rest.
const SPAN: Duration = Duration::from_secs(10);
const SLOWEST: usize = 10 * 1024;
/// The longest wait for a whole body.
const BODY_TIMEOUT: Duration = Duration::from_mins(5);
/// Bodies up to this size are accepted even while the budget is exceeded.
const SMALL: usize = 64 * 1024;

/// A whole body, charged to the budget until it is dropped.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) bytes: Bytes,
    _charge: Charge,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CollectError {
    /// Holds the limit in bytes.
    TooLarge(usize),
    /// The body has a `Content-Encoding`. Decoding it would let a few bytes become many.
    Encoded,
    /// The body ended too early, or its encoding is invalid.
    Broken,
    TimedOut,
    /// A large body came while the budget is exceeded.
    Overloaded,
}

pub(crate) async fn collect(
    headers: &HeaderMap,
    payload: &mut Payload,
    limit: usize,
    budget: &Budget,
) -> Result<Body, CollectError> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let mut collector = Collector {
        limit,
        announced: announced.unwrap_or(0),
        is_encoded: is_encoded(headers),
        seen: 0,
        kept: BytesMut::new(),
        charge: budget.charge(0),
        budget,
        refusal: None,
    };
    timeout(BODY_TIMEOUT, collector.read(payload))
        .await
        .map_err(|_elapsed| CollectError::TimedOut)??;
    match collector.refusal {
        Some(refusal) => Err(refusal),
        None => Ok(Body { bytes: collector.kept.freeze(), _charge: collector.charge }),
    }
}

fn is_encoded(headers: &HeaderMap) -> bool {
    let identity = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"identity");
    !headers.get_all(CONTENT_ENCODING).all(identity)
}

struct Collector<'a> {
    limit: usize,
    announced: usize,
    is_encoded: bool,
    seen: usize,
    kept: BytesMut,
    charge: Charge,
    budget: &'a Budget,
    refusal: Option<CollectError>,
}

impl Collector<'_> {
    /// Reads a body of up to twice the limit to its end, without keeping it, because a client that
    /// is still sending does not read the response.
    async fn read(&mut self, payload: &mut Payload) -> Result<(), CollectError> {
        let most = self.limit.saturating_mul(2);
        if self.is_encoded {
            self.refuse(CollectError::Encoded);
        }
        if self.announced > self.limit {
            self.refuse(CollectError::TooLarge(self.limit));
        }
        let (mut span_ends, mut due) = (Instant::now() + SPAN, SLOWEST);
        while self.seen.max(self.announced) <= most {
            match timeout_at(span_ends, payload.next()).await {
                Ok(None) => break,
                Ok(Some(chunk)) => self.take(&chunk.map_err(|_cause| CollectError::Broken)?),
                Err(_elapsed) if self.seen < due => return Err(CollectError::TimedOut),
                Err(_elapsed) => {
                    span_ends = Instant::now() + SPAN;
                    due = self.seen + SLOWEST;
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, chunk: &[u8]) {
        self.seen = self.seen.saturating_add(chunk.len());
        if self.refusal.is_some() {
            return;
        }
        if self.seen > self.limit {
            self.refuse(CollectError::TooLarge(self.limit));
        } else if self.seen > SMALL && self.budget.is_exceeded() {
            self.refuse(CollectError::Overloaded);
        } else {
            self.kept.extend_from_slice(chunk);
            self.charge.resize(self.kept.capacity());
        }
    }

    fn refuse(&mut self, refusal: CollectError) {
        self.refusal = Some(refusal);
        self.kept = BytesMut::new();
        self.charge.resize(0);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use actix_web::http::header::{CONTENT_LENGTH, HeaderMap, HeaderValue};
    use actix_web::test::TestRequest;
    use actix_web::web::{Bytes, Payload};
    use actix_web::{FromRequest as _, dev};
    use futures_util::future::ready;
    use futures_util::stream::{self, iter, once, pending};
    use futures_util::{Stream, StreamExt as _};

    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Body, CollectError, SMALL, collect};
    use crate::budget::Budget;

    type Chunk = Result<Bytes, actix_web::error::PayloadError>;

    async fn collected(
        announced: usize,
        chunks: impl Stream<Item = Chunk> + 'static,
        budget: &Budget,
    ) -> Result<Body, CollectError> {
        let mut raw = dev::Payload::from(chunks.boxed_local());
        let request = TestRequest::default().to_http_request();
        let mut payload = Payload::from_request(&request, &mut raw).await.unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, HeaderValue::from(announced));
        collect(&headers, &mut payload, 2 * SMALL, budget).await
    }

    fn chunks(sizes: &[usize]) -> impl Stream<Item = Chunk> + use<> {
        let chunks: Vec<_> = sizes.iter().map(|size| Ok(Bytes::from(vec![b'x'; *size]))).collect();
        iter(chunks)
    }

    #[actix_web::test]
    async fn a_stalled_body_times_out() {
        tokio::time::pause();
        let begun = once(ready(Ok(Bytes::from_static(b"{")))).chain(pending());

        let outcome = collected(100, begun, &Budget::new(0)).await;

        assert_eq!(outcome.err(), Some(CollectError::TimedOut));
    }

    /// Each chunk comes soon enough, but all together take too long.
    #[actix_web::test]
    async fn a_slow_body_times_out() {
        tokio::time::pause();
        let trickle = |bytes: usize| {
            stream::unfold((), move |()| async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Some((Ok(Bytes::from(vec![b'x'; bytes])), ()))
            })
        };
        let started = Instant::now();

        let slow = collected(0, trickle(1_000).take(60), &Budget::new(usize::MAX)).await;
        let elapsed = started.elapsed();
        let steady = collected(0, trickle(1_200).take(60), &Budget::new(usize::MAX)).await;

        assert_eq!(slow.err(), Some(CollectError::TimedOut));
        assert_eq!(elapsed.as_secs(), 10);
        assert_eq!(steady.map(|body| body.bytes.len()).ok(), Some(72_000));
    }

    #[actix_web::test]
    async fn a_declared_length_far_over_the_limit_is_refused_unread() {
        let outcome = collected(4 * SMALL + 1, pending(), &Budget::new(0)).await;

        assert_eq!(outcome.err(), Some(CollectError::TooLarge(2 * SMALL)));
    }

    #[actix_web::test]
    async fn a_body_slightly_over_the_limit_is_read_to_its_end() {
        let received = Rc::new(Cell::new(0));
        let counter = Rc::clone(&received);
        let body = chunks(&[SMALL, SMALL, 1, 1]).inspect(move |_| counter.set(counter.get() + 1));

        let outcome = collected(0, body, &Budget::new(usize::MAX)).await;

        assert_eq!(outcome.err(), Some(CollectError::TooLarge(2 * SMALL)));
        assert_eq!(received.get(), 4);
    }

    #[actix_web::test]
    async fn a_body_is_charged_until_it_is_dropped() {
        let budget = Budget::new(usize::MAX);

        let body = collected(0, chunks(&[1000, 1000]), &budget).await.unwrap();

        assert_eq!(body.bytes.len(), 2000);
        assert!(budget.used() >= 2000);
        drop(body);
        assert_eq!(budget.used(), 0);
    }

    #[actix_web::test]
    async fn only_small_bodies_are_accepted_while_the_budget_is_exceeded() {
        let budget = Budget::new(0);
        let _held = budget.charge(1);

        let small = collected(0, chunks(&[SMALL]), &budget).await;
        let large = collected(0, chunks(&[SMALL, 1]), &budget).await;

        assert_eq!((small.err(), large.err()), (None, Some(CollectError::Overloaded)));
    }
}
