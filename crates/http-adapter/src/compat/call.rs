//! The endpoints, and a request to one of them.

use actix_web::http::header::ContentType;
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use application::accounts::Caller;
use domain::Account;
use serde::Serialize;

use super::failure::Failure;
use super::form::Form;
use super::{body, json_text};
use crate::state::State;

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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Ignores the `Authorization` header.
    Open,
    /// Refuses an invalid token.
    Optional,
    /// Requires a valid token.
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

    pub(crate) fn allows(self, method: &Method) -> bool {
        self.allow().split(", ").any(|allowed| allowed == method.as_str())
    }

    pub(crate) fn access(self) -> Access {
        match self {
            Self::Token | Self::Refresh | Self::Verify => Access::Open,
            Self::Register | Self::Root => Access::Optional,
            Self::List | Self::Detail => Access::Protected,
        }
    }
}

/// A request that has passed the checks.
pub(crate) struct Call {
    pub(crate) state: web::Data<State>,
    pub(crate) request: HttpRequest,
    pub(super) payload: web::Payload,
    pub(super) caller: Option<Caller>,
}

impl Call {
    /// Returns the caller, or 401 if the request has no token.
    pub(crate) fn account(&self) -> Result<&Account, Failure> {
        let caller = self.caller.as_ref().ok_or_else(Failure::no_token)?;
        Ok(&caller.account)
    }

    /// The `known` fields of the body.
    pub(crate) async fn form(&mut self, known: &[&'static str]) -> Result<Form, Failure> {
        let State { settings, budget, .. } = &**self.state;
        let (headers, limit) = (self.request.headers(), settings.body_bytes);
        let fields = body::read(headers, &mut self.payload, limit, budget, known).await?;
        Ok(Form::new(fields))
    }
}

pub(crate) fn json<T: Serialize>(status: StatusCode, value: &T) -> HttpResponse {
    HttpResponse::build(status).insert_header(ContentType::json()).body(json_text::to_vec(value))
}
