//! Units of work on a connection.

use crate::failure::Failure;

/// An async closure over a connection. It owns its data, because it runs to its end
/// on a thread or task of its own even when the caller has gone.
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

/// `AsyncFnOnce` cannot say that its future is `Send`; this bound does.
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

/// What spans a unit of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transaction {
    /// Nothing: for one read, or several that need not agree.
    None,
    /// A snapshot that all reads see.
    Snapshot,
    /// A transaction, which is committed and on disk when the work returns.
    Write,
}
