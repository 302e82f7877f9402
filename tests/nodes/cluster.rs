//! Nodes that share a database and a Redis.

use testkit::RedisServer;

use crate::support::{database::Database, server::Server, until, user::User};

pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Server>,
    pub(crate) redis: RedisServer,
    pub(crate) database: Database,
    settings: Vec<(&'static str, &'static str)>,
}

impl Cluster {
    /// Nodes in the default profile, started together.
    pub(crate) async fn start(count: usize) -> Self {
        Self::start_with(&[], count).await
    }

    pub(crate) async fn start_in(profile: &'static str, count: usize) -> Self {
        Self::start_with(&[("CHAT_PROFILE", profile)], count).await
    }

    /// With these settings over the defaults.
    pub(crate) async fn start_with(
        settings: &[(&'static str, &'static str)],
        count: usize,
    ) -> Self {
        let (redis, database) = (RedisServer::start().await, Database::create().await);
        let mut cluster = Self { nodes: Vec::new(), redis, database, settings: settings.to_vec() };
        let starts = (0..count).map(|_| cluster.new_node());
        cluster.nodes = futures_util::future::join_all(starts).await;
        cluster
    }

    /// One more node, which is not among `nodes`.
    pub(crate) async fn new_node(&self) -> Server {
        self.new_node_with(self.database.url()).await
    }

    /// The same, with another address of the database.
    pub(crate) async fn new_node_with(&self, database: &str) -> Server {
        let redis = self.redis.url();
        let mut env: Vec<(&str, &str)> = self.settings.clone();
        env.extend([("DATABASE_URL", database), ("REDIS_URL", &redis)]);
        Server::start(&env).await
    }

    /// Registers a user at this node.
    pub(crate) async fn user(&self, node: usize, name: &str) -> User {
        self.nodes[node].register(name).await
    }

    /// Waits until every node reports this status.
    pub(crate) async fn wait_for_readiness(&self, status: &str) {
        for node in &self.nodes {
            wait_for_readiness(node, status).await;
        }
    }

    /// Takes a node out, to be killed or restarted.
    pub(crate) fn take(&mut self, node: usize) -> Server {
        self.nodes.remove(node)
    }
}

pub(crate) async fn wait_for_readiness(node: &Server, status: &str) {
    until(status, async || (node.readiness().await? == status).then_some(())).await;
}
