//! Nodes that share a database and a Redis.

use testkit::RedisServer;

use crate::support::{database::Database, server::Server, user::User};

/// Some nodes, and what they share.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Server>,
    pub(crate) redis: RedisServer,
    pub(crate) database: Database,
    profile: &'static str,
}

impl Cluster {
    /// That many nodes in the default profile, started together.
    pub(crate) async fn start(count: usize) -> Self {
        Self::start_in("default", count).await
    }

    pub(crate) async fn start_in(profile: &'static str, count: usize) -> Self {
        let (redis, database) = (RedisServer::start().await, Database::create().await);
        let mut cluster = Self { nodes: Vec::new(), redis, database, profile };
        let starts = (0..count).map(|_| cluster.new_node());
        cluster.nodes = futures_util::future::join_all(starts).await;
        cluster
    }

    /// One more node, which is not among `nodes`.
    pub(crate) async fn new_node(&self) -> Server {
        let redis = self.redis.url();
        Server::start(&[
            ("CHAT_PROFILE", self.profile),
            ("DATABASE_URL", self.database.url()),
            ("REDIS_URL", &redis),
        ])
        .await
    }

    /// Somebody who signed up at this node.
    pub(crate) async fn user(&self, node: usize, name: &str) -> User {
        self.nodes[node].register(name).await
    }

    /// Takes a node out, to be killed or restarted.
    pub(crate) fn take(&mut self, node: usize) -> Server {
        self.nodes.remove(node)
    }
}
