//! The API that the React client uses, compatible with the server that this one replaces.

mod accounts;
mod body;
mod call;
mod failure;
mod form;
mod frames;
mod input;
mod json_text;
mod messages;
mod metadata;
mod negotiation;
mod socket;

use actix_web::http::header::{ALLOW, HeaderValue, VARY};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};

use self::call::{Call, Endpoint};
pub(crate) use self::failure::Failure;
pub use self::frames::{History, history_renderer, list_renderer};
pub use self::socket::CompatSockets;
use crate::path;
use crate::state::State;

/// Routes each path with and without its final slash; those of the lobby also with a format suffix.
pub(crate) fn configure(cfg: &mut web::ServiceConfig) {
    const FORMAT: &str = ".{format:[a-z0-9]+}";
    socket::configure(cfg);
    for (path, endpoint) in [
        ("/accounts/api/register", Endpoint::Register),
        ("/accounts/api/token", Endpoint::Token),
        ("/accounts/api/token/refresh", Endpoint::Refresh),
        ("/accounts/api/verify", Endpoint::Verify),
        ("/chat/api", Endpoint::Root),
        ("/chat/api/messages", Endpoint::List),
        ("/chat/api/messages/{id:[^/.]+}", Endpoint::Detail),
    ] {
        let mut paths = vec![path.to_owned(), format!("{path}/")];
        match endpoint {
            Endpoint::Register | Endpoint::Token | Endpoint::Refresh | Endpoint::Verify => {}
            Endpoint::Root => paths.push(format!("{path}/{FORMAT}")),
            Endpoint::List | Endpoint::Detail => {
                paths.extend([format!("{path}{FORMAT}"), format!("{path}{FORMAT}/")]);
            }
        }
        let handler =
            move |state: web::Data<State>, request: HttpRequest, payload: web::Payload| {
                respond(endpoint, state, request, payload)
            };
        cfg.service(web::resource(paths).to(handler));
    }
}

async fn respond(
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
    let accounts = &state.accounts;
    let caller = call::caller(endpoint.access(), request.headers(), accounts).await?;
    if !endpoint.allows(request.method()) {
        let detail = format!("Method \"{}\" not allowed.", request.method());
        return Err(Failure::detail(StatusCode::METHOD_NOT_ALLOWED, detail));
    }
    if let Some(caller) = &caller {
        let from = (&caller.account, state.proxies.client(&request));
        let begun = state.reads.begin(&state.chat, &request, from).await;
        begun.map_err(Failure::Limited)?;
    }
    let call = Call { state, request, payload, caller };
    if call.request.method() == Method::OPTIONS {
        return metadata::describe(endpoint, &call).await;
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
