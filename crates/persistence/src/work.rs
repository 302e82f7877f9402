//! Units of work on a connection.

use crate::failure::Failure;

/// An async closure over a connection. It owns its data, because it completes on another thread or
/// task even if the caller is dropped.
pub(crate) trait Work<Conn: 'static, R>:
    AsyncFnOnce(&mut Conn) -> Result<R, Failure> + for<'c> SendFuture<'c, Conn, R> + Send + 'static
{
}

impl<Conn: 'static, R, F> Work<Conn, R> for F where
    F: AsyncFnOnce(&mut Conn) -> Result<R, Failure>
        + for<'c> SendFuture<'c, Conn, R>
        + Send
        + 'static
{
}

/// States that the future is `Send`, which `AsyncFnOnce` cannot express.
pub(crate) trait SendFuture<'c, Conn: 'c, R>: FnOnce(&'c mut Conn) -> Self::Future {
    type Future: Future<Output = Result<R, Failure>> + Send;
}

impl<'c, Conn: 'c, R, F, Fut> SendFuture<'c, Conn, R> for F
where
    F: FnOnce(&'c mut Conn) -> Fut,
    Fut: Future<Output = Result<R, Failure>> + Send,
{
    type Future = Fut;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reads {
    /// One read, or several that need not agree with each other.
    Independent,
    /// All reads see one snapshot.
    Snapshot,
    /// The same, and the database may compute for seconds before it answers.
    SlowSnapshot,
}
