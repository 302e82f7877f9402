//! How sessions end.

use std::future::Future;
use std::rc::Rc;

use crate::websocket::{Backlog, CloseCode, Outbox, ReadError};

/// Why a session is over, as the client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionEnd {
    Close(CloseCode, Backlog),
    /// The client is gone: there is nobody to send a close frame to.
    Disconnected,
    /// The outbox was closed already.
    Closed,
}

impl SessionEnd {
    pub(crate) const TRY_AGAIN_LATER: Self = Self::Close(CloseCode::TryAgainLater, Backlog::Flush);

    /// The client sent a close frame: it is echoed.
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

/// Runs a session unless its outbox ends before.
pub(crate) async fn until_closed<T>(
    outbox: &Outbox,
    session: impl Future<Output = Result<T, SessionEnd>>,
) -> Result<T, SessionEnd> {
    tokio::select! {
        result = session => result,
        () = outbox.ended() => Err(SessionEnd::Closed),
    }
}

/// Closes the outbox when dropped, so that no socket outlives its session.
pub(super) struct CloseOnDrop(pub(super) Rc<Outbox>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close(CloseCode::TryAgainLater, Backlog::Discard);
    }
}
