//! What this node has to do with others: over Redis, or nothing.

use std::sync::Arc;

use application::ports::{Bus, Clock, IdSource, NodeId, RateLimiter, RosterExchange};
use memory::{InProcessBus, InProcessLimiter, InProcessRosters};
use messaging::{RedisBus, RedisLimiter, RedisLink, RedisRosters};
use tokio::task::JoinSet;

use crate::settings::Secret;

/// The ports towards other nodes.
pub(crate) struct BetweenNodes {
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) rosters: Arc<dyn RosterExchange>,
    pub(crate) limiter: Arc<dyn RateLimiter>,
}

impl BetweenNodes {
    /// Of a node without others.
    pub(crate) fn alone(clock: Arc<dyn Clock>) -> Self {
        Self {
            bus: Arc::new(InProcessBus::single()),
            rosters: Arc::new(InProcessRosters::single()),
            limiter: Arc::new(InProcessLimiter::new(clock)),
        }
    }

    /// Over the Redis at `url`, which may come later. The task that keeps the
    /// connection is added to `tasks`.
    pub(crate) fn over_redis(
        url: &Secret,
        clock: Arc<dyn Clock>,
        ids: &dyn IdSource,
        tasks: &mut JoinSet<()>,
    ) -> anyhow::Result<Self> {
        let (link, task) = RedisLink::new(url.expose(), NodeId(ids.token()))?;
        tasks.spawn(task.run());
        let here = Arc::new(InProcessLimiter::new(Arc::clone(&clock)));
        Ok(Self {
            limiter: Arc::new(RedisLimiter::new(&link, clock, here)?),
            bus: Arc::new(RedisBus::new(link.clone())),
            rosters: Arc::new(RedisRosters::new(link)),
        })
    }
}
