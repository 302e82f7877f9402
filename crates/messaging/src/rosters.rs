//! [`RosterExchange`] over Redis: each node's roster is a lease that expires by itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use application::ports::{
    BackendError, NodeId, Roster, RosterExchange, RosterMoves, Rosters, with_causes,
};
use async_trait::async_trait;
use tokio::time::timeout;

use crate::redis_link::{REDIS_TIMEOUT, RedisLink, RequestError};
use crate::wire;

/// The set of all nodes. Each has its lease under a key of its own.
const NODES_KEY: &str = "chat:nodes";
/// Identifies the data, so that a Redis that was emptied is noticed like one that was restarted.
const DATA_KEY: &str = "chat:data";
pub(crate) const LEASE_PREFIX: &str = "chat:roster:";
const LEASE_MILLIS: u64 = 12_000;
/// A shutdown waits no longer than this: without a withdrawal the lease expires.
const WITHDRAW_TIMEOUT: Duration = Duration::from_millis(500);

/// A renewal takes three round trips: the pool checks the connection, one
/// writes the lease and reads the set of nodes, one reads their leases. A
/// fourth removes dead nodes from the set, if there are any.
pub struct RedisRosters {
    link: RedisLink,
    renewals: AtomicU64,
}

impl RedisRosters {
    #[must_use]
    pub fn new(link: RedisLink) -> Self {
        Self { link, renewals: AtomicU64::new(0) }
    }

    async fn try_renew(&self, roster: &Roster) -> Result<Rosters, RequestError> {
        let node = self.link.shared.node;
        let renewal = self.renewals.fetch_add(1, Ordering::Relaxed);
        let mut connection = self.link.shared.pool.get().await?;
        let (nodes, data, server): (Vec<String>, String, String) = redis::pipe()
            .pset_ex(lease_key(&node_key(node)), wire::roster(roster), LEASE_MILLIS)
            .ignore()
            .sadd(NODES_KEY, node_key(node))
            .ignore()
            .smembers(NODES_KEY)
            .set_nx(DATA_KEY, format!("{}.{renewal}", node_key(node)))
            .ignore()
            .get(DATA_KEY)
            .cmd("INFO")
            .arg("server")
            .query_async(&mut connection)
            .await?;
        let run_id = server.lines().find_map(|line| line.strip_prefix("run_id:"));
        let run_id = run_id.ok_or(RequestError::NoRunId)?.trim();
        let mut instance = format!("{run_id} {data}");
        let others: Vec<String> =
            nodes.into_iter().filter(|other| *other != node_key(node)).collect();
        if others.is_empty() {
            return Ok(Rosters { instance, others: Vec::new() });
        }
        let mut keys: Vec<String> = others.iter().map(|name| lease_key(name)).collect();
        keys.push(DATA_KEY.to_owned());
        let mut leases: Vec<Option<Vec<u8>>> =
            redis::cmd("MGET").arg(keys).query_async(&mut connection).await?;
        let data_now = leases.pop().flatten();
        if data_now.as_deref() != Some(data.as_bytes()) {
            instance = format!("{run_id}, emptied after {data}");
        }
        let (mut alive, mut dead) = (Vec::new(), Vec::new());
        for (name, lease) in others.into_iter().zip(leases) {
            match lease {
                None => dead.push(name),
                Some(lease) => alive.extend(parse_node_key(&name).zip(wire::read_roster(&lease))),
            }
        }
        if !dead.is_empty() {
            // A node that comes back adds itself again with its next renewal.
            redis::cmd("SREM").arg(NODES_KEY).arg(dead).exec_async(&mut connection).await?;
        }
        Ok(Rosters { instance, others: alive })
    }

    async fn try_withdraw(&self) -> Result<(), RequestError> {
        let name = node_key(self.link.shared.node);
        let mut connection = self.link.shared.pool.get().await?;
        redis::pipe()
            .del(lease_key(&name))
            .ignore()
            .srem(NODES_KEY, name)
            .ignore()
            .exec_async(&mut connection)
            .await?;
        Ok(())
    }
}

#[async_trait]
impl RosterExchange for RedisRosters {
    fn has_others(&self) -> bool {
        true
    }

    async fn announce(&self, moves: &RosterMoves) {
        let shared = &self.link.shared;
        if shared.is_connected() {
            for hint in wire::roster_moves(shared.node, moves) {
                shared.publish(shared.channels.presence(), hint);
            }
        }
    }

    async fn renew(&self, roster: &Roster) -> Result<Rosters, BackendError> {
        let renewed = timeout(REDIS_TIMEOUT, self.try_renew(roster)).await;
        let renewed = renewed.unwrap_or(Err(RequestError::TimedOut));
        renewed.map_err(|error| BackendError::new("renew a presence lease", error))
    }

    async fn next(&self) -> (NodeId, RosterMoves) {
        self.link.shared.roster_moves.next().await
    }

    async fn withdraw(&self) {
        let withdrawn = timeout(WITHDRAW_TIMEOUT, self.try_withdraw()).await;
        if let Err(error) = withdrawn.unwrap_or(Err(RequestError::TimedOut)) {
            tracing::debug!(
                error = with_causes(&error),
                "the presence lease was not withdrawn: it expires by itself"
            );
        }
    }
}

pub(crate) fn node_key(NodeId(node): NodeId) -> String {
    format!("{node:016x}")
}

fn parse_node_key(key: &str) -> Option<NodeId> {
    u64::from_str_radix(key, 16).ok().map(NodeId)
}

fn lease_key(node_key: &str) -> String {
    format!("{LEASE_PREFIX}{node_key}")
}
