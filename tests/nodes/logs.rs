//! The log of a node with PostgreSQL and Redis.

use super::cluster::Cluster;
use crate::{
    logs::{EVERYTHING, ended_log, journey},
    support::secrets::assert_hides,
};

#[tokio::test(flavor = "multi_thread")]
async fn no_level_logs_secrets() {
    let mut cluster = Cluster::start_with(&[EVERYTHING], 1).await;
    let node = cluster.take(0);

    let secrets = journey(&node).await;
    let log = ended_log(node).await;

    assert_hides(&log, &secrets);
}
