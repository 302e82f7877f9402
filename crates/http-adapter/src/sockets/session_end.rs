//! How sessions end.

use application::ports::with_causes;
use std::error::Error;
use std::future::Future;
use std::rc::Rc;

use crate::websocket::{Backlog, CloseCode, Outbox, ReadError};

/// Why a session ended. Determines the close code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionEnd {
    Close(CloseCode, Backlog),
    /// The connection is gone, so no close frame can be sent.
    Disconnected,
    /// The outbox is already closed.
    Closed,
}

impl SessionEnd {
    pub(crate) const TRY_AGAIN_LATER: Self = Self::Close(CloseCode::TryAgainLater, Backlog::Flush);

    /// 1013. The cause goes to the log, not to the client.
    pub(crate) fn failed(cause: &(dyn Error + 'static)) -> Self {
        tracing::error!(
            error = with_causes(cause),
            "a backend failed; closing the socket with 1013"
        );
        Self::TRY_AGAIN_LATER
    }

    /// The client sent a close frame, which the server echoes.
    pub(super) fn echo(code: Option<u16>) -> Self {
        Self::Close(CloseCode::Echo(code), Backlog::Discard)
    }

    pub(crate) fn apply(self, outbox: &Outbox) {
        match self {
            Self::Close(code, backlog) => outbox.close(code, backlog),
            Self::Disconnected => outbox.hang_up(),
            Self::Closed => {}
        }
    }
}

impl From<ReadError> for SessionEnd {
    fn from(error: ReadError) -> Self {
        error.close_code().map_or(Self::Disconnected, |code| Self::Close(code, Backlog::Flush))
    }
}

/// Runs a session until it ends or its outbox does.
pub(crate) async fn until_closed<T>(
    outbox: &Outbox,
    session: impl Future<Output = Result<T, SessionEnd>>,
) -> Result<T, SessionEnd> {
    tokio::select! {
        result = session => result,
        () = outbox.ended() => Err(SessionEnd::Closed),
    }
}

/// Closes the outbox when dropped, so that the socket does not outlive its session.
pub(super) struct CloseOnDrop(pub(super) Rc<Outbox>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close(CloseCode::TryAgainLater, Backlog::Discard);
    }
}
