//! The way of every API request: its checks, in the order that clients rely on.

use actix_web::http::header::{ALLOW, ContentType, HeaderValue, VARY};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use application::accounts::Caller;
use domain::Account;
use serde::Serialize;

use super::endpoint::Endpoint;
use super::failure::Failure;
use super::form::Form;
use super::{accounts, authorization, body, json_text, messages, metadata, negotiation};
use crate::redirects;
use crate::state::State;

/// A request that passed its first checks.
pub(crate) struct Call {
    /// What handlers work with.
    pub(crate) state: web::Data<State>,
    /// The request.
    pub(crate) request: HttpRequest,
    payload: web::Payload,
    caller: Option<Caller>,
}

/// Answers a request to an endpoint.
pub(crate) async fn answer(
    endpoint: Endpoint,
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let has_suffix = request.match_info().get("format").is_some();
    if let Some(redirect) = redirects::to_final_slash(&request).filter(|_| !has_suffix) {
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

/// 404 and 406 for the representation, 401, 405; then the endpoint's own.
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
    /// Who asks.
    ///
    /// # Errors
    ///
    /// 401 when the request bore no token.
    pub(crate) fn account(&self) -> Result<&Account, Failure> {
        let caller = self.caller.as_ref().ok_or_else(authorization::not_provided)?;
        Ok(&caller.account)
    }

    /// The `known` fields of the body.
    ///
    /// # Errors
    ///
    /// 400, 408, 413, 415 or 503.
    pub(crate) async fn form(&mut self, known: &[&'static str]) -> Result<Form, Failure> {
        let State { settings, budget, .. } = &**self.state;
        let (headers, limit) = (self.request.headers(), settings.body_bytes);
        let fields = body::read(headers, &mut self.payload, limit, budget, known).await?;
        Ok(Form::new(fields))
    }
}

/// An answer with a JSON body.
pub(crate) fn json<T: Serialize>(status: StatusCode, value: &T) -> HttpResponse {
    HttpResponse::build(status).insert_header(ContentType::json()).body(json_text::to_vec(value))
}
