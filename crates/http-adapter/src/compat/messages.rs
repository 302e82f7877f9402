//! The messages of the lobby over REST.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::{ContentType, HOST};
use actix_web::http::{Method, StatusCode};
use bytes::Bytes;
use domain::text::trim;
use domain::{Account, ConversationId, Message, MessageBody, MessageBodyError, MessageId, policy};
use serde_json::json;

use super::call::{self, Call};
use super::failure::{Failure, Text};
use super::form::{Form, Pk, Presence, no_such_pk};
use super::frames::MessageResponse;
use crate::sliced::Sliced;
use crate::state::State;
use crate::transport::Listening;

/// After these, the React client renews its tokens and connects again, which brings a history.
const RENEWAL: [StatusCode; 3] =
    [StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED, StatusCode::UNPROCESSABLE_ENTITY];
const FIELDS: [&str; 3] = ["content", "author", "is_modified"];

/// `GET /chat/api/`
pub(crate) fn root(call: &Call) -> HttpResponse {
    let host = call.request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let host = host.filter(|host| !host.is_empty());
    let own = || match call.request.app_data() {
        Some(Listening(address)) => address.to_string(),
        None => call.request.app_config().host().to_owned(),
    };
    let host = host.map_or_else(own, str::to_owned);
    let scheme = call.state.proxies.scheme(&call.request);
    call::json(
        StatusCode::OK,
        &json!({"messages": format!("{scheme}://{host}/chat/api/messages/")}),
    )
}

/// `/chat/api/messages/`
pub(crate) async fn list(call: Call) -> Result<HttpResponse, Failure> {
    if call.request.method() == Method::POST { create(call).await } else { newest(&call).await }
}

async fn newest(call: &Call) -> Result<HttpResponse, Failure> {
    let state = &call.state;
    state.chat.view(call.account()?, ConversationId::LOBBY).await?;
    let array = state.list.read(ConversationId::LOBBY, state.settings.history).await?;
    Ok(HttpResponse::Ok().insert_header(ContentType::json()).body(Sliced(Bytes::clone(&array))))
}

async fn create(mut call: Call) -> Result<HttpResponse, Failure> {
    let mut form = call.form(&FIELDS).await?;
    let (state, account) = (&call.state, call.account()?);
    let limit = state.settings.message_bytes;
    let content = form.text("content", Presence::Required, |text| body(text, limit));
    let author = form.pk("author", Presence::Required);
    if let Some(pk) = author
        && is_known(state, account, &pk, &mut form).await?
        && pk.id != Some(account.id)
    {
        form.refuse::<()>("author", vec!["You can only write in your own name.".into()]);
    }
    let marked_edited = form.boolean("is_modified").unwrap_or(false);
    let content = form.finish(content)?;

    let lobby = ConversationId::LOBBY;
    let message = state.chat.send(account, lobby, None, content, marked_edited).await?;
    Ok(show(StatusCode::CREATED, &message, state))
}

/// `/chat/api/messages/<id>/`
pub(crate) async fn detail(call: Call) -> Result<HttpResponse, Failure> {
    if matches!(*call.request.method(), Method::GET | Method::HEAD) {
        let (message, _) = requested_message(&call).await?;
        return Ok(show(StatusCode::OK, &message, &call.state));
    }
    let (state, account) = (call.state.clone(), call.account()?.clone());
    let changed = change(call).await;
    // The React client shows its change before it asks, and does not take it back.
    if changed.as_ref().is_err_and(|failure| !RENEWAL.contains(&failure.status())) {
        state.chat.change_refused(&account, ConversationId::LOBBY);
    }
    changed
}

async fn change(call: Call) -> Result<HttpResponse, Failure> {
    let (message, may_change) = requested_message(&call).await?;
    let (state, account) = (&call.state, call.account()?);
    if !may_change {
        return Err(Failure::forbidden());
    }
    match *call.request.method() {
        Method::DELETE => {
            state.chat.delete(account, ConversationId::LOBBY, message.id).await?;
            Ok(HttpResponse::NoContent().finish())
        }
        Method::PUT => edit(call, message.id, Presence::Required).await,
        _ => edit(call, message.id, Presence::Optional).await,
    }
}

/// Sets the text if the request has one. Always marks the message as modified.
async fn edit(mut call: Call, id: MessageId, presence: Presence) -> Result<HttpResponse, Failure> {
    let mut form = call.form(&FIELDS).await?;
    let (state, account) = (&call.state, call.account()?);
    let limit = state.settings.message_bytes;
    let content = form.text("content", presence, |text| body(text, limit));
    // The author never changes, so another user's id is ignored.
    if let Some(pk) = form.pk("author", presence) {
        is_known(state, account, &pk, &mut form).await?;
    }
    form.boolean("is_modified");
    form.finish(Some(()))?;

    let message = state.chat.edit(account, ConversationId::LOBBY, id, content).await?;
    Ok(show(StatusCode::OK, &message, state))
}

/// Returns the message in the path, and whether the caller may change it.
pub(crate) async fn requested_message(call: &Call) -> Result<(Arc<Message>, bool), Failure> {
    let account = call.account()?;
    let id = call.request.match_info().get("id").unwrap_or_default();
    let id: i64 = trim(id).parse().map_err(|_| Failure::not_found())?;
    let id = MessageId::new(id);
    let message = call.state.chat.read(account, ConversationId::LOBBY, id).await?;
    let may_change = policy::may_edit(account.id, &message);
    Ok((message, may_change))
}

/// Checks that the key belongs to an account. Records an error otherwise.
async fn is_known(
    state: &State,
    caller: &Account,
    pk: &Pk,
    form: &mut Form,
) -> Result<bool, Failure> {
    let known = match pk.id {
        None => false,
        Some(id) if id == caller.id => true,
        Some(id) => state.accounts.account(id).await?.is_some(),
    };
    if !known {
        form.refuse::<()>("author", no_such_pk(&pk.sent));
    }
    Ok(known)
}

/// The form reports U+0000 itself.
fn body(text: &str, limit: usize) -> Result<MessageBody, Vec<Text>> {
    let too_long =
        |limit| vec![Text::from(format!("Ensure this field has no more than {limit} bytes."))];
    if text.len() > limit {
        return Err(too_long(limit));
    }
    MessageBody::parse(text).map_err(|error| match error {
        MessageBodyError::Nul => Vec::new(),
        MessageBodyError::TooLong => too_long(MessageBody::MAX_BYTES),
    })
}

fn show(status: StatusCode, message: &Message, state: &State) -> HttpResponse {
    call::json(status, &MessageResponse::new(message, state.settings.utc_offset))
}
