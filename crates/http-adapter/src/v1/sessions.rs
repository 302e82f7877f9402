//! Signing in and out, refreshing tokens, and the sessions of an account.

use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use application::accounts::{RefreshError, SignInCommand, SignInError, TokenPair};
use application::ports::{ActiveSession, Audience, SessionCursor};
use domain::{Password, SessionId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::cursor::{self, List, Page, narrow};
use super::formats::Time;
use super::problem::{Kind, Problem};
use super::request::{Authenticated, Body, PageRequest, Query};
use crate::state::State;

/// The tokens of a session.
#[derive(Serialize, ToSchema)]
#[schema(as = TokenPair, examples(json!({
    "access": "eyJhbGciOiJIUzI1NiJ9.e30.c2ln", "refresh": "eyJhbGciOiJIUzI1NiJ9.e30.c2ln",
    "token_type": "Bearer"
})))]
pub(crate) struct TokensResponse<'a> {
    /// The access token: send it with every request. It is valid for minutes.
    access: &'a str,
    /// The refresh token: exchange it, once, for the next pair.
    refresh: &'a str,
    /// The scheme of the `Authorization` header.
    token_type: &'static str,
}

pub(super) fn show(mut response: HttpResponseBuilder, pair: &TokenPair) -> HttpResponse {
    let TokenPair { access, refresh } = pair;
    response.json(TokensResponse { access, refresh, token_type: "Bearer" })
}

/// The credentials of an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"username": "ann", "password": "correct horse 7"})))]
pub(crate) struct SignInRequest {
    /// The unique name of the account.
    username: String,
    /// The password of the account.
    password: String,
}

/// Signs in.
#[utoipa::path(
    post, path = "/sessions", security(()), request_body = SignInRequest,
    responses((status = 201, description = "A new session.", body = TokensResponse)),
    extensions(("x-problems" = json!([Kind::WrongCredentials, Kind::TooManyRequests]))),
)]
pub(crate) async fn sign_in(
    state: web::Data<State>,
    request: HttpRequest,
    Body(body): Body<SignInRequest>,
) -> Result<HttpResponse, Problem> {
    let command = SignInCommand {
        username: body.username,
        password: Password::claimed(&body.password),
        address: state.proxies.client(&request),
        audience: Audience::V1,
    };
    match state.accounts.sign_in(command).await {
        Ok(pair) => Ok(show(HttpResponse::Created(), &pair)),
        Err(SignInError::NoActiveAccount) => Err(Problem::new(Kind::WrongCredentials)),
        Err(SignInError::Limited(wait)) => Err(wait.into()),
        Err(SignInError::Busy(_)) => Err(Problem::unavailable()),
        Err(SignInError::Backend(cause)) => Err(cause.into()),
    }
}

/// A refresh token to exchange.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"refresh": "eyJhbGciOiJIUzI1NiJ9.e30.c2ln"})))]
pub(crate) struct RefreshRequest {
    /// The newest refresh token of the session.
    refresh: String,
}

/// Exchanges a refresh token for the next pair of tokens.
#[utoipa::path(
    post, path = "/sessions/refresh", security(()), request_body = RefreshRequest,
    responses((status = 200, description = "The next pair; the previous refresh token is used up.", body = TokensResponse)),
    extensions(("x-problems" = json!([Kind::SpentToken]))),
)]
pub(crate) async fn refresh_session(
    state: web::Data<State>,
    Body(body): Body<RefreshRequest>,
) -> Result<HttpResponse, Problem> {
    match state.accounts.refresh(&body.refresh, Audience::V1).await {
        Ok(pair) => Ok(show(HttpResponse::Ok(), &pair)),
        Err(RefreshError::Token(error)) => {
            Err(Problem::new(Kind::SpentToken).with_detail(error.to_string()))
        }
        Err(RefreshError::Spent | RefreshError::NoAccount) => Err(Problem::new(Kind::SpentToken)),
        Err(RefreshError::Backend(cause)) => Err(cause.into()),
    }
}

/// A sign-in on one device.
#[derive(Serialize, ToSchema)]
#[schema(as = Session, examples(json!({
    "id": "00f0e1d2c3b4a596", "opened_at": "2026-11-24T09:15:32.375945Z",
    "used_at": "2026-11-24T10:15:32.000000Z", "expires_at": "2027-02-22T10:15:32.000000Z",
    "current": true
})))]
pub(crate) struct SessionResponse {
    /// The id of the session: 16 hexadecimal digits.
    id: String,
    /// When you signed in.
    opened_at: Time,
    /// When its tokens were last refreshed.
    used_at: Time,
    /// When the session ends unless it is refreshed, or, near its longest lifetime, even if it is.
    expires_at: Time,
    /// Whether this request belongs to the session.
    current: bool,
}

type SessionPage = Page<SessionResponse>;

/// Lists your sessions, the most recently used first.
#[utoipa::path(
    get, path = "/sessions", params(PageRequest),
    responses((status = 200, description = "A page of sessions.", body = SessionPage)),
)]
pub(crate) async fn list_sessions(
    caller: Authenticated,
    Query(query): Query<PageRequest>,
) -> Result<HttpResponse, Problem> {
    let (limit, before) = (query.limit()?, query.before(List::Sessions)?);
    let before = before.map(|[used_at, session]| SessionCursor {
        used_at: Timestamp::from_micros(narrow(used_at)),
        session: SessionId::new(narrow(session).cast_unsigned()),
    });
    let found = caller.state.accounts.sessions(&caller.caller, before, limit).await?;
    let next = cursor::last(&found, limit).map(ActiveSession::cursor);
    let next = next.map(|SessionCursor { used_at, session }| {
        cursor::encode(List::Sessions, [used_at.micros(), session.get().cast_signed()])
    });
    let items = found.iter().map(|session| SessionResponse {
        id: format!("{:016x}", session.session.get()),
        opened_at: Time(session.opened_at),
        used_at: Time(session.used_at),
        expires_at: Time(session.expires_at),
        current: caller.caller.session == Some(session.session),
    });
    Ok(SessionPage::respond(items, next))
}

/// Signs out: ends the session of the access token.
#[utoipa::path(
    delete, path = "/sessions/current",
    responses((status = 204, description = "The tokens and connections of this session have ended.")),
)]
pub(crate) async fn sign_out(caller: Authenticated) -> Result<HttpResponse, Problem> {
    caller.state.accounts.sign_out(&caller.caller).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Ends one of your sessions.
#[utoipa::path(
    delete, path = "/sessions/{session}",
    responses((status = 204, description = "The tokens and connections of the session have ended.")),
)]
pub(crate) async fn end_session(caller: Authenticated) -> Result<HttpResponse, Problem> {
    let not_found = || Problem::new(Kind::NotFound);
    let session = session_id(&caller.text("session")).ok_or_else(not_found)?;
    let has_ended = caller.state.accounts.end_session(&caller.caller, session).await?;
    if has_ended { Ok(HttpResponse::NoContent().finish()) } else { Err(not_found()) }
}

/// Ends all your sessions.
#[utoipa::path(
    delete, path = "/sessions",
    responses((status = 204, description = "No token of this account is valid any more.")),
)]
pub(crate) async fn end_sessions(caller: Authenticated) -> Result<HttpResponse, Problem> {
    caller.state.accounts.sign_out_everywhere(&caller.caller).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Exactly 16 lower-case hexadecimal digits; `from_str_radix` alone would accept other forms.
fn session_id(text: &str) -> Option<SessionId> {
    let is_id = text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    is_id.then(|| u64::from_str_radix(text, 16).ok()).flatten().map(SessionId::new)
}
