//! The address, connections and queues that the adapters of this crate share.

use std::collections::HashSet;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use application::ports::{BusEvent, NodeId, RosterMoves, with_causes};
use deadpool_redis::{Manager, Pool, PoolError};
use domain::ConversationId;
use redis::{AsyncConnectionConfig, Client, ConnectionInfo, IntoConnectionInfo as _};
use redis::{ProtocolVersion, RedisResult};
use tokio::sync::{Notify, watch};

use crate::publisher::{self, Outgoing};
use crate::queue::Queue;
use crate::subscriber;
use crate::wire::Channels;

/// Longest wait for a connection, and for an answer.
pub(crate) const REDIS_TIMEOUT: Duration = Duration::from_secs(1);

/// Connections for publishing and for leases.
const POOL_SIZE: usize = 4;

/// A node's access to Redis. Cheap to clone; the task ends with the last clone.
#[derive(Clone)]
pub struct RedisLink {
    pub(crate) shared: Arc<Shared>,
    _open: Arc<watch::Sender<()>>,
}

/// Keeps the connections of a [`RedisLink`], and reconnects them.
pub struct RedisTask {
    shared: Arc<Shared>,
    closed: watch::Receiver<()>,
}

#[derive(Debug, thiserror::Error)]
pub enum RedisError {
    #[error("the Redis URL cannot be used: {reason}")]
    Address { reason: String },
}

/// Why a request to Redis failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error(transparent)]
    Pool(#[from] PoolError),
    #[error(transparent)]
    Redis(#[from] redis::RedisError),
    #[error("Redis did not answer in time")]
    TimedOut,
    #[error("INFO of Redis has no run_id")]
    NoRunId,
}

pub(crate) struct Shared {
    pub(crate) node: NodeId,
    pub(crate) channels: Channels,
    pub(crate) client: Client,
    pub(crate) pool: Pool,
    pub(crate) publish_queue: Queue<Outgoing>,
    pub(crate) events: Queue<BusEvent>,
    pub(crate) roster_moves: Queue<(NodeId, RosterMoves)>,
    // Held for a change or a copy, never across an await.
    subscribed: Mutex<HashSet<ConversationId>>,
    pub(crate) subscriptions_changed: Notify,
    /// None until the first attempt to connect has ended.
    connected: Mutex<Option<bool>>,
}

impl RedisLink {
    /// Returns the link to the Redis at `url` (`redis://` or `rediss://`) and
    /// the task that has to run for it. Redis need not be up yet. `node` is
    /// unique to this run of this node.
    pub fn new(url: &str, node: NodeId) -> Result<(Self, RedisTask), RedisError> {
        // Without a default, the first encrypted connection would panic. An error means that
        // the process has a default already.
        drop(rustls::crypto::ring::default_provider().install_default());
        // The error may quote the URL, which holds the password.
        let refused = |_error: redis::RedisError| RedisError::Address {
            reason: "it is not of the form redis://user:password@host:port/number".to_owned(),
        };
        let info = connection_info(url).map_err(refused)?;
        let database = info.redis_settings().db();
        let client = Client::open(info.clone()).map_err(refused)?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(REDIS_TIMEOUT))
            .set_response_timeout(Some(REDIS_TIMEOUT));
        let manager = Manager::new_with_config(info, config).map_err(refused)?;
        let pool = Pool::builder(manager)
            .max_size(POOL_SIZE)
            .wait_timeout(Some(REDIS_TIMEOUT))
            .create_timeout(Some(REDIS_TIMEOUT))
            .recycle_timeout(Some(REDIS_TIMEOUT))
            .runtime(deadpool_redis::Runtime::Tokio1)
            .build()
            .map_err(|error| RedisError::Address { reason: error.to_string() })?;
        let shared = Arc::new(Shared {
            node,
            channels: Channels::of_database(database),
            client,
            pool,
            publish_queue: Queue::new(4096, 4 * 1024 * 1024),
            events: Queue::new(1024, usize::MAX),
            roster_moves: Queue::new(1024, usize::MAX),
            subscribed: Mutex::default(),
            subscriptions_changed: Notify::new(),
            connected: Mutex::default(),
        });
        let (open, closed) = watch::channel(());
        let task = RedisTask { shared: Arc::clone(&shared), closed };
        Ok((Self { shared, _open: Arc::new(open) }, task))
    }
}

impl RedisTask {
    /// Runs until every [`RedisLink`] is dropped, then publishes what is queued.
    pub async fn run(mut self) {
        let shared = &*self.shared;
        tokio::select! {
            () = publisher::run(shared) => {}
            () = subscriber::run(shared) => {}
            // Nothing is ever sent: it resolves when the last sender is dropped.
            _ = self.closed.changed() => {}
        }
        publisher::flush(shared).await;
    }
}

impl Shared {
    pub(crate) fn publish(&self, channel: String, payload: Vec<u8>) {
        let bytes = payload.len();
        self.publish_queue.push(Outgoing { channel, payload }, bytes);
    }

    pub(crate) fn publish_ephemeral(&self, channel: String, payload: Vec<u8>) {
        let bytes = payload.len();
        self.publish_queue.push_ephemeral(Outgoing { channel, payload }, bytes);
    }

    pub(crate) fn set_subscribed(&self, conversation: ConversationId, wanted: bool) {
        let mut all = self.lock_subscribed();
        let changed = if wanted { all.insert(conversation) } else { all.remove(&conversation) };
        drop(all);
        if changed {
            self.subscriptions_changed.notify_one();
        }
    }

    /// A copy of the conversations that this node wants hints of.
    pub(crate) fn subscribed(&self) -> HashSet<ConversationId> {
        self.lock_subscribed().clone()
    }

    pub(crate) fn is_connected(&self) -> bool {
        *self.lock_connected() == Some(true)
    }

    /// Logs and reports to the hub, unless the link was connected already.
    pub(crate) fn connected(&self) {
        if self.lock_connected().replace(true) != Some(true) {
            tracing::info!("connected to Redis: hints arrive from other nodes");
            self.push_state();
        }
    }

    /// Logs and reports to the hub, unless the link was disconnected already.
    pub(crate) fn disconnected(&self, cause: &(dyn Error + 'static)) {
        if self.lock_connected().replace(false) != Some(false) {
            tracing::warn!(
                error = with_causes(cause),
                "no hints arrive from Redis: this node polls the database until it is back"
            );
            self.push_state();
        }
    }

    /// Queues an event for the hub; after an overflow, the hub has to sweep.
    pub(crate) fn push_event(&self, event: BusEvent) {
        if self.events.push(event, 0) {
            self.push_state();
        }
    }

    /// Reports the state to the hub again. `Reconnected` makes it sweep for lost hints.
    pub(crate) fn push_state(&self) {
        let connected = self.is_connected();
        let state = if connected { BusEvent::Reconnected } else { BusEvent::Disconnected };
        self.events.push(state, 0);
    }

    fn lock_connected(&self) -> MutexGuard<'_, Option<bool>> {
        self.connected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_subscribed(&self) -> MutexGuard<'_, HashSet<ConversationId>> {
        self.subscribed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Chooses RESP3, in which published messages arrive on a multiplexed connection.
fn connection_info(url: &str) -> RedisResult<ConnectionInfo> {
    let info = url.into_connection_info()?;
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    Ok(info.set_redis_settings(settings))
}

#[cfg(test)]
mod tests {
    use domain::Seq;

    use super::*;

    /// The last event of another kind, after the queue has overflowed.
    async fn state_after_overflow(shared: &Shared) -> BusEvent {
        let advanced = BusEvent::HeadAdvanced(ConversationId::LOBBY, Seq::new(1));
        for _ in 0..5_000 {
            shared.push_event(advanced.clone());
        }
        let mut last = advanced;
        shared.events.push(BusEvent::Changed(Vec::new()), 0);
        loop {
            match shared.events.next().await {
                BusEvent::Changed(_) => return last,
                BusEvent::HeadAdvanced(..) => {}
                event => last = event,
            }
        }
    }

    #[tokio::test]
    async fn an_overflow_reports_the_connection_state_so_that_the_hub_sweeps() {
        let (link, _task) = RedisLink::new("redis://localhost", NodeId(1)).unwrap();

        link.shared.connected();
        assert_eq!(state_after_overflow(&link.shared).await, BusEvent::Reconnected);
        link.shared.disconnected(&std::fmt::Error);
        assert_eq!(state_after_overflow(&link.shared).await, BusEvent::Disconnected);
    }
}
