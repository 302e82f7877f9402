//! Several nodes that share a PostgreSQL and a Redis.

mod cluster;
mod costs;
mod crossing;
mod database_lines;
mod frozen_redis;
mod logs;
mod outages;
mod restarts;
mod restoring;
mod v1;
