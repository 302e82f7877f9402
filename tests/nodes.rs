//! Several nodes of one chat, over PostgreSQL and Redis.

mod cluster;
mod crossing;
mod outages;
mod restarts;
