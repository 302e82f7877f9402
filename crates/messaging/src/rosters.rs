//! Leases of rosters.

use std::time::Duration;

use application::ports::{BackendError, NodeId, Roster, RosterExchange, RosterMoves, Rosters};
use async_trait::async_trait;
use tokio::time::timeout;

use crate::link::{PATIENCE, RedisLink};
use crate::request_error::RequestError;
use crate::wire;

/// The index of nodes; each has its lease under a key of its own.
const NODES: &str = "chat:nodes";
/// What the keys of leases begin with.
pub(crate) const LEASES: &str = "chat:roster:";
/// How long a lease lasts, in milliseconds.
const LEASE_MILLIS: u64 = 12_000;
/// Longest wait for a lease to be given up, as others do without it.
const FAREWELL: Duration = Duration::from_millis(500);

/// Rosters over Redis: a key per node that ends by itself, and an index. A
/// renewal takes three round trips: the pool asks whether the connection lives,
/// one writes and reads the index, one reads the leases. When a node has died
/// a fourth takes it from the index.
pub struct RedisRosters {
    link: RedisLink,
}

impl RedisRosters {
    /// Over this link.
    #[must_use]
    pub fn new(link: RedisLink) -> Self {
        Self { link }
    }

    async fn try_renew(&self, roster: &Roster) -> Result<Rosters, RequestError> {
        let node = self.link.shared.node;
        let mut connection = self.link.shared.pool.get().await?;
        let (nodes, server): (Vec<String>, String) = redis::pipe()
            .pset_ex(key(&name(node)), wire::roster(roster), LEASE_MILLIS)
            .ignore()
            .sadd(NODES, name(node))
            .ignore()
            .smembers(NODES)
            .cmd("INFO")
            .arg("server")
            .query_async(&mut connection)
            .await?;
        let run = server.lines().find_map(|line| line.strip_prefix("run_id:"));
        let instance = run.ok_or(RequestError::NoRun)?.trim().to_owned();
        let others: Vec<String> = nodes.into_iter().filter(|other| *other != name(node)).collect();
        if others.is_empty() {
            return Ok(Rosters { instance, others: Vec::new() });
        }
        let keys: Vec<String> = others.iter().map(|name| key(name)).collect();
        let leases: Vec<Option<Vec<u8>>> =
            redis::cmd("MGET").arg(keys).query_async(&mut connection).await?;
        let (mut alive, mut dead) = (Vec::new(), Vec::new());
        for (name, lease) in others.into_iter().zip(leases) {
            match lease {
                None => dead.push(name),
                Some(lease) => alive.extend(parse_name(&name).zip(wire::read_roster(&lease))),
            }
        }
        if !dead.is_empty() {
            // One that comes back enters itself again.
            redis::cmd("SREM").arg(NODES).arg(dead).exec_async(&mut connection).await?;
        }
        Ok(Rosters { instance, others: alive })
    }

    async fn try_withdraw(&self) -> Result<(), RequestError> {
        let name = name(self.link.shared.node);
        let mut connection = self.link.shared.pool.get().await?;
        redis::pipe()
            .del(key(&name))
            .ignore()
            .srem(NODES, name)
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
                shared.outbox.push(shared.channels.presence(), hint);
            }
        }
    }

    async fn renew(&self, roster: &Roster) -> Result<Rosters, BackendError> {
        let renewed = timeout(PATIENCE, self.try_renew(roster)).await;
        let renewed = renewed.unwrap_or(Err(RequestError::TimedOut));
        renewed.map_err(|error| BackendError::new("renew a lease", error))
    }

    async fn next(&self) -> (NodeId, RosterMoves) {
        self.link.shared.moves.next().await
    }

    async fn withdraw(&self) {
        let withdrawn = timeout(FAREWELL, self.try_withdraw()).await;
        if let Err(error) = withdrawn.unwrap_or(Err(RequestError::TimedOut)) {
            let error = &error as &(dyn std::error::Error + 'static);
            tracing::debug!(error, "a lease was left to end by itself");
        }
    }
}

pub(crate) fn name(NodeId(node): NodeId) -> String {
    format!("{node:016x}")
}

fn parse_name(name: &str) -> Option<NodeId> {
    u64::from_str_radix(name, 16).ok().map(NodeId)
}

fn key(name: &str) -> String {
    format!("{LEASES}{name}")
}
