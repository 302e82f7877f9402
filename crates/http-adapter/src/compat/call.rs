//! The endpoints, and the checks of every request in the order that clients rely on.

use actix_web::http::header::{ALLOW, ContentType, HeaderValue, VARY};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use application::accounts::Caller;
use domain::Account;
use serde::Serialize;

use super::failure::Failure;
use super::form::Form;
use super::{accounts, authorization, body, json_text, messages, metadata, negotiation};
use crate::path;
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

/// What an endpoint does with the `Authorization` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Ignores it.
    Open,
    /// Refuses an invalid token.
    Optional,
    /// Requires a valid token.
    Protected,
}

impl Endpoint {
    /// The `Allow` header.
    fn allow(self) -> &'static str {
        match self {
            Self::Register | Self::Token | Self::Refresh | Self::Verify => "POST, OPTIONS",
            Self::Root => "GET, HEAD, OPTIONS",
            Self::List => "GET, POST, HEAD, OPTIONS",
            Self::Detail => "GET, PUT, PATCH, DELETE, HEAD, OPTIONS",
        }
    }

    fn allows(self, method: &Method) -> bool {
        self.allow().split(", ").any(|allowed| allowed == method.as_str())
    }

    fn access(self) -> Access {
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
    payload: web::Payload,
    caller: Option<Caller>,
}

pub(crate) async fn answer(
    endpoint: Endpoint,
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let has_suffix = request.match_info().get("format").is_some();
    if let Some(redirect) = path::to_final_slash(&request).filter(|_| !has_suffix) {
        return redirect;
    }
    let mut response = match check_and_handle(endpoint, state, request, payload).await {
        Ok(response) => response,
        Err(failure) => failure.response(),
    };
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static(endpoint.allow()));
    headers.insert(VARY, HeaderValue::from_static("Accept"));
    response
}

/// Checks the representation (404, 406), the token (401) and the method (405), in this order.
async fn check_and_handle(
    endpoint: Endpoint,
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Failure> {
    negotiation::check(&request)?;
    let authenticate = &state.accounts.authenticate;
    let caller = authorization::caller(endpoint.access(), request.headers(), authenticate).await?;
    if !endpoint.allows(request.method()) {
        let detail = format!("Method \"{}\" not allowed.", request.method());
        return Err(Failure::detail(StatusCode::METHOD_NOT_ALLOWED, detail));
    }
    let call = Call { state, request, payload, caller };
    if call.request.method() == Method::OPTIONS {
        return metadata::answer(endpoint, &call).await;
    }
    match endpoint {
        Endpoint::Register => accounts::register(call).await,
        Endpoint::Token => accounts::sign_in(call).await,
        Endpoint::Refresh => accounts::refresh(call).await,
        Endpoint::Verify => accounts::verify(call).await,
        Endpoint::Root => Ok(messages::root(&call)),
        Endpoint::List => messages::list(call).await,
        Endpoint::Detail => messages::detail(call).await,
    }
}

impl Call {
    /// The caller; 401 if the request has no token.
    pub(crate) fn account(&self) -> Result<&Account, Failure> {
        let caller = self.caller.as_ref().ok_or_else(authorization::not_provided)?;
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
