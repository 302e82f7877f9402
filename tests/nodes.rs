//! Several nodes of one chat, over PostgreSQL and Redis.

mod cluster;
mod costs;
mod crossing;
mod outages;
mod restarts;
mod restoring;
mod v1;
