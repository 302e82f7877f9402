//! A node's place at a Redis.

use std::collections::HashSet;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use application::ports::{BusEvent, NodeId, RosterMoves};
use deadpool_redis::{Manager, Pool};
use domain::ConversationId;
use redis::{AsyncConnectionConfig, Client, ConnectionInfo, IntoConnectionInfo as _};
use redis::{ProtocolVersion, RedisResult};
use tokio::sync::{Notify, watch};

use crate::inbox::Inbox;
use crate::outbox::Outbox;
use crate::wire::Channels;
use crate::{publisher, subscriber};

/// Longest wait for a connection, and for an answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// Connections that ask and are answered: leases and limits.
const POOL_SIZE: usize = 4;

/// A node's place at a Redis. Cheap to clone; it is left, once everybody has
/// dropped theirs.
#[derive(Clone)]
pub struct RedisLink {
    pub(crate) shared: Arc<Shared>,
    _open: Arc<watch::Sender<()>>,
}

/// What connects, and stays connected, for a [`RedisLink`].
pub struct RedisTask {
    shared: Arc<Shared>,
    closed: watch::Receiver<()>,
}

/// Why there can be no link.
#[derive(Debug, thiserror::Error)]
pub enum RedisError {
    /// The URL cannot be used.
    #[error("the Redis URL cannot be used: {reason}")]
    Address {
        /// What is wrong with it.
        reason: String,
    },
}

pub(crate) struct Shared {
    pub(crate) node: NodeId,
    pub(crate) channels: Channels,
    pub(crate) client: Client,
    pub(crate) pool: Pool,
    pub(crate) outbox: Outbox,
    pub(crate) events: Inbox<BusEvent>,
    pub(crate) moves: Inbox<(NodeId, RosterMoves)>,
    // HeldCount for a look-up or a copy.
    wanted: Mutex<HashSet<ConversationId>>,
    pub(crate) wants_changed: Notify,
    /// Whether hints come; unknown until the first attempt has ended.
    connected: Mutex<Option<bool>>,
}

impl RedisLink {
    /// The link to the Redis at `url` (`redis://` or `rediss://`), and the task
    /// that has to be run for it. Redis may come later. `node` names this life
    /// of this node.
    ///
    /// # Errors
    ///
    /// [`RedisError::Address`].
    pub fn new(url: &str, node: NodeId) -> Result<(Self, RedisTask), RedisError> {
        // Where features leave the choice open, the first encrypted connection would panic;
        // it is an error when somebody else has chosen before.
        drop(rustls::crypto::ring::default_provider().install_default());
        // The error itself may tell the URL.
        let refused = |_error: redis::RedisError| RedisError::Address {
            reason: "it is not of the form redis://user:password@host:port/number".to_owned(),
        };
        let info = connection_info(url).map_err(refused)?;
        let database = info.redis_settings().db();
        let client = Client::open(info.clone()).map_err(refused)?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        let manager = Manager::new_with_config(info, config).map_err(refused)?;
        let pool = Pool::builder(manager)
            .max_size(POOL_SIZE)
            .wait_timeout(Some(PATIENCE))
            .create_timeout(Some(PATIENCE))
            .recycle_timeout(Some(PATIENCE))
            .runtime(deadpool_redis::Runtime::Tokio1)
            .build()
            .map_err(|error| RedisError::Address { reason: error.to_string() })?;
        let shared = Arc::new(Shared {
            node,
            channels: Channels::of(database),
            client,
            pool,
            outbox: Outbox::default(),
            events: Inbox::new(),
            moves: Inbox::new(),
            wanted: Mutex::default(),
            wants_changed: Notify::new(),
            connected: Mutex::default(),
        });
        let (open, closed) = watch::channel(());
        let task = RedisTask { shared: Arc::clone(&shared), closed };
        Ok((Self { shared, _open: Arc::new(open) }, task))
    }
}

impl RedisTask {
    /// Runs until every [`RedisLink`] is gone, and what waits has been published.
    pub async fn run(mut self) {
        let shared = &*self.shared;
        tokio::select! {
            () = publisher::run(shared) => {}
            () = subscriber::run(shared) => {}
            // It is never written to: this is the end of all senders.
            _ = self.closed.changed() => {}
        }
        publisher::flush(shared).await;
    }
}

impl Shared {
    pub(crate) fn want(&self, conversation: ConversationId, wanted: bool) {
        let mut all = self.wanted_now();
        let changed = if wanted { all.insert(conversation) } else { all.remove(&conversation) };
        drop(all);
        if changed {
            self.wants_changed.notify_one();
        }
    }

    /// What the channels of this node are to be.
    pub(crate) fn wanted(&self) -> HashSet<ConversationId> {
        self.wanted_now().clone()
    }

    pub(crate) fn is_connected(&self) -> bool {
        *self.state() == Some(true)
    }

    /// Hints come; tells the hub if that is news.
    pub(crate) fn connected(&self) {
        if self.state().replace(true) != Some(true) {
            tracing::info!("hints come from Redis");
            self.tell_state();
        }
    }

    /// No hints come; tells the hub, and the log, if that is news.
    pub(crate) fn disconnected(&self, cause: &(dyn Error + 'static)) {
        if self.state().replace(false) != Some(false) {
            tracing::warn!(
                error = cause,
                "no hints come from Redis; other nodes are heard of by the store"
            );
            self.tell_state();
        }
    }

    pub(crate) fn tell(&self, event: BusEvent) {
        if self.events.push(event) {
            self.tell_state();
        }
    }

    /// Whether hints come; the hub sweeps for what was lost before.
    pub(crate) fn tell_state(&self) {
        let connected = self.is_connected();
        self.events.push(if connected { BusEvent::Reconnected } else { BusEvent::Disconnected });
    }

    fn state(&self) -> MutexGuard<'_, Option<bool>> {
        self.connected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wanted_now(&self) -> MutexGuard<'_, HashSet<ConversationId>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// RESP3, in which what is published comes over the connection that asks.
fn connection_info(url: &str) -> RedisResult<ConnectionInfo> {
    let info = url.into_connection_info()?;
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    Ok(info.set_redis_settings(settings))
}

#[cfg(test)]
mod tests {
    use domain::Seq;

    use super::*;

    /// What the hub is told last, after more than may wait for it.
    async fn last_of_too_many(shared: &Shared) -> BusEvent {
        let moved = BusEvent::HeadAdvanced(ConversationId::LOBBY, Seq::new(1));
        for _ in 0..5_000 {
            shared.tell(moved.clone());
        }
        let mut last = moved;
        shared.events.push(BusEvent::Changed(Vec::new()));
        loop {
            match shared.events.next().await {
                BusEvent::Changed(_) => return last,
                BusEvent::HeadAdvanced(..) => {}
                said => last = said,
            }
        }
    }

    #[tokio::test]
    async fn who_missed_hints_is_told_to_sweep_as_often_as_the_link_is_worth() {
        let (link, _task) = RedisLink::new("redis://localhost", NodeId(1)).unwrap();

        link.shared.connected();
        assert_eq!(last_of_too_many(&link.shared).await, BusEvent::Reconnected);
        link.shared.disconnected(&std::fmt::Error);
        assert_eq!(last_of_too_many(&link.shared).await, BusEvent::Disconnected);
    }
}
