//! Close codes.

use actix_http::ws;

/// Every close code of every protocol. Clients of v1 reconnect unless it is 4400 or above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CloseCode {
    /// The server stops, or the client did not answer pings.
    GoingAway,
    ProtocolError,
    /// The client sent a binary frame.
    Unsupported,
    InvalidUtf8,
    TooBig,
    /// The server is overloaded, cannot reach its store, or the client reads too slowly.
    TryAgainLater,
    /// compat: no valid token, or no access to the lobby.
    NoAccess,
    /// v1: no valid token, or it has expired.
    Unauthenticated,
    /// v1: no `auth` frame in time.
    AuthTimeout,
    /// The code with which the client closed, if it gave one.
    Echo(Option<u16>),
}

impl CloseCode {
    fn number(self) -> Option<u16> {
        match self {
            Self::GoingAway => Some(1001),
            Self::ProtocolError => Some(1002),
            Self::Unsupported => Some(1003),
            Self::InvalidUtf8 => Some(1007),
            Self::TooBig => Some(1009),
            Self::TryAgainLater => Some(1013),
            Self::NoAccess => Some(4003),
            Self::Unauthenticated => Some(4401),
            Self::AuthTimeout => Some(4408),
            Self::Echo(code) => code,
        }
    }

    pub(super) fn reason(self) -> Option<ws::CloseReason> {
        self.number().map(|number| ws::CloseCode::from(number).into())
    }
}
