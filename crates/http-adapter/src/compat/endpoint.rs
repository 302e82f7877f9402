//! The endpoints of the API, and what distinguishes them.

use actix_web::http::Method;

/// An endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// `/accounts/api/register/`
    Register,
    /// `/accounts/api/token/`
    Token,
    /// `/accounts/api/token/refresh/`
    Refresh,
    /// `/accounts/api/verify/`
    Verify,
    /// `/chat/api/`
    Root,
    /// `/chat/api/messages/`
    List,
    /// `/chat/api/messages/<id>/`
    Detail,
}

/// What an endpoint does about the `Authorization` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Does not look at it.
    Open,
    /// Refuses a bad one.
    Optional,
    /// Wants a good one.
    Protected,
}

impl Endpoint {
    /// The `Allow` header.
    pub(crate) fn allow(self) -> &'static str {
        match self {
            Self::Register | Self::Token | Self::Refresh | Self::Verify => "POST, OPTIONS",
            Self::Root => "GET, HEAD, OPTIONS",
            Self::List => "GET, POST, HEAD, OPTIONS",
            Self::Detail => "GET, PUT, PATCH, DELETE, HEAD, OPTIONS",
        }
    }

    /// Whether `Allow` names the method.
    pub(crate) fn allows(self, method: &Method) -> bool {
        self.allow().split(", ").any(|allowed| allowed == method.as_str())
    }

    /// What it does about the `Authorization` header.
    pub(crate) fn access(self) -> Access {
        match self {
            Self::Token | Self::Refresh | Self::Verify => Access::Open,
            Self::Register | Self::Root => Access::Optional,
            Self::List | Self::Detail => Access::Protected,
        }
    }
}
