//! The ports between the nodes of a cluster, and the clock and random numbers of this node.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use application::ports::{Bus, Clock, IdSource, NodeId, RateLimiter, RosterExchange, with_causes};
use domain::{ClientId, InviteCode, SessionId, Timestamp};
use memory::{InProcessBus, InProcessLimiter, InProcessRosters};
use messaging::{RedisBus, RedisLimiter, RedisLink, RedisRosters};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::settings::Secret;

/// The ports to other nodes: over Redis, or within this process for a single node.
pub(crate) struct Cluster {
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) rosters: Arc<dyn RosterExchange>,
    pub(crate) limiter: Arc<dyn RateLimiter>,
}

impl Cluster {
    pub(crate) fn single_node(clock: Arc<dyn Clock>) -> Self {
        Self {
            bus: Arc::new(InProcessBus::single()),
            rosters: Arc::new(InProcessRosters::single()),
            limiter: Arc::new(InProcessLimiter::new(clock)),
        }
    }

    /// Succeeds even while Redis is down. Adds the task that keeps the connection to `tasks`.
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

#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct RandomIds;

impl IdSource for RandomIds {
    // Ids ascend, so that inserts append to the index.
    fn client_id(&self) -> ClientId {
        ClientId::new(Uuid::now_v7().as_u128())
    }

    fn session(&self) -> SessionId {
        SessionId::new(random())
    }

    fn token(&self) -> u64 {
        random()
    }

    fn invite_code(&self) -> InviteCode {
        InviteCode::new((u128::from(random()) << 64) | u128::from(random()))
    }
}

fn random() -> u64 {
    getrandom::u64().unwrap_or_else(|error| {
        tracing::error!(
            error = with_causes(&error),
            "the system returns no random bytes; aborting"
        );
        // Without random bytes, tokens could be guessed.
        std::process::abort()
    })
}
