//! Publishes what waits, many messages in one round trip.

use std::time::Duration;

use deadpool_redis::Connection;
use tokio::time::{Instant, interval, timeout};

use crate::link::{PATIENCE, Shared};
use crate::outbox::Outgoing;
use crate::request_error::RequestError;

/// Between two signs of life to oneself.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// Messages of one round trip.
const CHUNK: usize = 512;
/// After a failure nothing is published for so long: hints that old are worth nothing.
const PAUSE: Duration = Duration::from_millis(500);

/// Never ends.
pub(crate) async fn run(shared: &Shared) {
    let mut publisher = Publisher { shared, connection: None, pause_until: None };
    let mut heartbeat = interval(HEARTBEAT);
    loop {
        tokio::select! {
            messages = shared.outbox.next() => publisher.publish(messages).await,
            _ = heartbeat.tick() => {
                let channel = shared.channels.node(shared.node);
                publisher.publish(vec![(channel, Vec::new())]).await;
            }
        }
    }
}

/// Publishes what still waits, if Redis is there.
pub(crate) async fn flush(shared: &Shared) {
    let messages = shared.outbox.take();
    if !messages.is_empty() {
        Publisher { shared, connection: None, pause_until: None }.publish(messages).await;
    }
}

struct Publisher<'a> {
    shared: &'a Shared,
    /// HeldCount from one time to the next: taking it from the pool costs a round trip.
    connection: Option<Connection>,
    pause_until: Option<Instant>,
}

impl Publisher<'_> {
    async fn publish(&mut self, messages: Vec<Outgoing>) {
        if self.pause_until.is_some_and(|until| Instant::now() < until) {
            return;
        }
        let published = timeout(PATIENCE, self.try_publish(messages)).await;
        self.pause_until = None;
        if let Err(error) = published.unwrap_or(Err(RequestError::TimedOut)) {
            let error = &error as &(dyn std::error::Error + 'static);
            tracing::debug!(error, "hints were not published");
            // What state it is in nobody knows.
            if let Some(connection) = self.connection.take() {
                drop(Connection::take(connection));
            }
            self.pause_until = Some(Instant::now() + PAUSE);
        }
    }

    async fn try_publish(&mut self, messages: Vec<Outgoing>) -> Result<(), RequestError> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(self.shared.pool.get().await?),
        };
        for chunk in messages.chunks(CHUNK) {
            let mut pipeline = redis::pipe();
            for (channel, payload) in chunk {
                pipeline.publish(channel, payload).ignore();
            }
            pipeline.query_async::<()>(connection).await?;
        }
        Ok(())
    }
}
