//! Where one is signed in, and signing out.

use actix_web::{HttpRequest, HttpResponse};
use application::ports::{ActiveSession, BackendError, SessionCursor};
use domain::{SessionId, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::conversations::narrow;
use super::cursor::{self, List};
use super::problem::{Kind, Problem};
use super::request::{Authenticated, PageRequest, Query, limit};
use super::time::Time;
use super::views::Page;

/// Somewhere that one is signed in.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "00f0e1d2c3b4a596", "opened_at": "2026-11-24T09:15:32.375945Z",
    "used_at": "2026-11-24T10:15:32.000000Z", "expires_at": "2027-02-22T10:15:32.000000Z",
    "current": true
})))]
pub(crate) struct SessionResponse {
    /// Of the session: 16 hexadecimal digits.
    id: String,
    /// When one signed in; `null` if that was not noted.
    #[schema(required)]
    opened_at: Option<Time>,
    /// When its tokens were renewed last.
    used_at: Time,
    /// When it ends by itself.
    expires_at: Time,
    /// Whether it is that of the token one asks with.
    current: bool,
}

impl SessionResponse {
    fn new(session: &ActiveSession, current: Option<SessionId>) -> Self {
        Self {
            id: format!("{:016x}", session.session.get()),
            opened_at: session.opened_at.map(Time),
            used_at: Time(session.used_at),
            expires_at: Time(session.expires_at),
            current: current == Some(session.session),
        }
    }
}

/// `GET /sessions`
pub(crate) async fn list(
    signed: Authenticated,
    Query(query): Query<PageRequest>,
) -> Result<HttpResponse, Problem> {
    let limit = limit(query.limit)?;
    let before = query.before.as_deref();
    let before = before.map(|text| cursor::decode(List::Sessions, "before", text)).transpose()?;
    let before = before.map(|[used_at, session]| SessionCursor {
        used_at: Timestamp::from_micros(narrow(used_at)),
        session: SessionId::new(narrow(session).cast_unsigned()),
    });
    let found = signed.state.accounts.sessions.execute(&signed.caller, before, limit).await;
    let found = found.map_err(|error| Problem::backend(&error))?;
    let last = found.last().filter(|_| found.len() == limit).map(ActiveSession::cursor);
    let next = last.map(|SessionCursor { used_at, session }| {
        let numbers = [used_at.micros().into(), session.get().cast_signed().into()];
        cursor::encode(List::Sessions, &numbers)
    });
    let view = |session: &ActiveSession| SessionResponse::new(session, signed.caller.session);
    let items = found.iter().map(view).collect();
    Ok(HttpResponse::Ok().json(Page { items, next }))
}

/// `DELETE /sessions/current`
pub(crate) async fn end_current(signed: Authenticated) -> Result<HttpResponse, Problem> {
    done(signed.state.accounts.sign_out.here(&signed.caller).await)
}

/// `DELETE /sessions/{session}`
pub(crate) async fn end(
    signed: Authenticated,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let session = named(&request).ok_or_else(|| Problem::new(Kind::NotFound))?;
    let ended = signed.state.accounts.sign_out.of(&signed.caller, session).await;
    match ended {
        Ok(false) => Err(Problem::new(Kind::NotFound)),
        ended => done(ended.map(drop)),
    }
}

/// `DELETE /sessions`
pub(crate) async fn end_all(signed: Authenticated) -> Result<HttpResponse, Problem> {
    done(signed.state.accounts.sign_out.everywhere(&signed.caller).await)
}

fn done(ended: Result<(), BackendError>) -> Result<HttpResponse, Problem> {
    ended.map_err(|error| Problem::backend(&error))?;
    Ok(HttpResponse::NoContent().finish())
}

/// The session in the path; none for what cannot be one.
fn named(request: &HttpRequest) -> Option<SessionId> {
    let text = request.match_info().query("session");
    let is_id = text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    is_id.then(|| u64::from_str_radix(text, 16).ok()).flatten().map(SessionId::new)
}
