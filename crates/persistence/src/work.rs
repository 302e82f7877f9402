//! What is done on a connection.

use futures_util::future::BoxFuture;

use crate::failure::Failure;

/// A unit of work on a connection. It owns what it needs, so that it goes on
/// whatever becomes of who asked for it.
pub(crate) trait Work<Conn, R>:
    for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<R, Failure>> + Send + 'static
{
}

impl<Conn, R, F> Work<Conn, R> for F where
    F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<R, Failure>> + Send + 'static
{
}
