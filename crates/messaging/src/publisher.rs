//! Publishes queued messages, many of them in one round trip.

use application::ports::with_causes;
use std::iter;
use std::time::Duration;

use deadpool_redis::Connection;
use tokio::time::{Instant, interval, timeout};

use crate::redis_link::{REDIS_TIMEOUT, RequestError, Shared};

/// Messages published in one round trip.
const PIPELINE_LENGTH: usize = 512;
/// How often the node publishes to its own channel, to see that hints arrive.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// Nothing is published for this long after a failure: hints that old are worthless.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) channel: String,
    pub(crate) payload: Vec<u8>,
}

/// Never returns.
pub(crate) async fn run(shared: &Shared) {
    let mut publisher = Publisher::new(shared);
    let mut heartbeat = interval(HEARTBEAT);
    loop {
        tokio::select! {
            first = shared.publish_queue.next() => {
                let rest = shared.publish_queue.take();
                publisher.publish(iter::once(first).chain(rest).collect()).await;
            }
            _ = heartbeat.tick() => {
                let channel = shared.channels.node(shared.node);
                publisher.publish(vec![Outgoing { channel, payload: Vec::new() }]).await;
            }
        }
    }
}

/// Publishes what is left in the queue, if Redis can be reached.
pub(crate) async fn flush(shared: &Shared) {
    let messages = shared.publish_queue.take();
    if !messages.is_empty() {
        Publisher::new(shared).publish(messages.into()).await;
    }
}

struct Publisher<'a> {
    shared: &'a Shared,
    /// Kept between calls: taking a connection from the pool costs a round trip.
    connection: Option<Connection>,
    pause_until: Option<Instant>,
}

impl<'a> Publisher<'a> {
    fn new(shared: &'a Shared) -> Self {
        Self { shared, connection: None, pause_until: None }
    }

    async fn publish(&mut self, messages: Vec<Outgoing>) {
        if self.pause_until.is_some_and(|until| Instant::now() < until) {
            return;
        }
        let published = timeout(REDIS_TIMEOUT, self.try_publish(messages)).await;
        self.pause_until = None;
        if let Err(error) = published.unwrap_or(Err(RequestError::TimedOut)) {
            tracing::debug!(
                error = with_causes(&error),
                "hints were dropped: Redis did not take them"
            );
            // It may be in the middle of an answer, so the pool must not get it back.
            if let Some(connection) = self.connection.take() {
                drop(Connection::take(connection));
            }
            self.pause_until = Some(Instant::now() + PAUSE_AFTER_FAILURE);
        }
    }

    async fn try_publish(&mut self, messages: Vec<Outgoing>) -> Result<(), RequestError> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(self.shared.pool.get().await?),
        };
        for chunk in messages.chunks(PIPELINE_LENGTH) {
            let mut pipeline = redis::pipe();
            for Outgoing { channel, payload } in chunk {
                pipeline.publish(channel, payload).ignore();
            }
            pipeline.query_async::<()>(connection).await?;
        }
        Ok(())
    }
}
