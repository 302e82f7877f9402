//! Why Redis did not do what it was asked for.

use deadpool_redis::PoolError;
use redis::RedisError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error(transparent)]
    Pool(#[from] PoolError),
    #[error(transparent)]
    Redis(#[from] RedisError),
    #[error("Redis did not answer in time")]
    TimedOut,
    #[error("Redis does not say which run it is")]
    NoRun,
}
