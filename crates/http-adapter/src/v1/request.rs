//! What a request brings: who asks, the body, the query, the path.

use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use actix_web::{FromRequest, HttpRequest, web};
use application::accounts::Caller;
use domain::Account;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::problem::{Kind, Problem};
use crate::collect::collect;
use crate::state::State;

type Extracting<T> = Pin<Box<dyn Future<Output = Result<T, Problem>>>>;

/// A request with a valid access token.
pub(crate) struct Authenticated {
    pub(crate) state: web::Data<State>,
    pub(crate) caller: Caller,
}

impl Authenticated {
    pub(crate) fn account(&self) -> &Account {
        &self.caller.account
    }
}

impl FromRequest for Authenticated {
    type Error = Problem;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let state = state(request);
        let token = bearer_token(request.headers());
        Box::pin(async move {
            let (state, token) = (state?, token?);
            let caller = state.accounts.authenticate.execute(&token).await?;
            Ok(Self { state, caller })
        })
    }
}

fn state(request: &HttpRequest) -> Result<web::Data<State>, Problem> {
    request.app_data::<web::Data<State>>().cloned().ok_or_else(|| Problem::new(Kind::Internal))
}

/// The token of `Authorization: Bearer` (RFC 6750).
///
/// # Errors
///
/// 401 without one.
pub(crate) fn bearer_token(headers: &HeaderMap) -> Result<String, Problem> {
    let missing = || {
        let detail = "The header Authorization has to be \"Bearer\" and an access token.";
        Problem::new(Kind::Unauthenticated).with_detail(detail)
    };
    let header = headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok());
    let (scheme, token) = header.and_then(|header| header.split_once(' ')).ok_or_else(missing)?;
    let token = token.trim();
    let is_bearer = scheme.eq_ignore_ascii_case("bearer") && !token.is_empty();
    if is_bearer { Ok(token.to_owned()) } else { Err(missing()) }
}

/// So much is taken in any case.
const LEAST_BYTES: usize = 64 * 1024;

/// Longest thing that a known client may say, in bytes, whose texts have so many
/// characters: one escaped as two surrogates (`\ud83d\ude00`) has twelve.
pub(crate) fn longest(message_chars: usize) -> usize {
    const AROUND: usize = 4 * 1024;
    const PER_CHAR: usize = 12;
    AROUND.saturating_add(message_chars.saturating_mul(PER_CHAR))
}

/// A JSON body.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = Problem;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let state = state(request);
        let payload = web::Payload::from_request(request, payload);
        let headers = request.headers().clone();
        Box::pin(async move {
            let state = state?;
            let mut payload = payload.await.map_err(|_| Problem::new(Kind::Internal))?;
            check_media_type(&headers)?;
            let longest = longest(state.v1.message_chars).max(LEAST_BYTES);
            let body = collect(&headers, &mut payload, longest, &state.budget).await?;
            parse(&body.bytes).map(Self)
        })
    }
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let header = headers.get(CONTENT_TYPE).and_then(|header| header.to_str().ok());
    let essence = header.and_then(|header| header.split(';').next()).map(str::trim);
    match essence {
        Some(essence) if essence.eq_ignore_ascii_case("application/json") => Ok(()),
        _ => Err(Problem::new(Kind::UnsupportedMediaType)),
    }
}

/// Reads JSON, and names the field that breaks a rule.
///
/// # Errors
///
/// 400.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let read = serde_path_to_error::deserialize(&mut json);
    let value = read.map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if inner.is_syntax() || inner.is_eof() {
            let place = format!("line {}, column {}", inner.line(), inner.column());
            return Problem::new(Kind::InvalidRequest)
                .with_detail(format!("The body is no JSON text: see {place}."));
        }
        field_problem(&path, &inner.to_string())
    })?;
    json.end().map_err(|_| {
        Problem::new(Kind::InvalidRequest).with_detail("The body goes on after the JSON text.")
    })?;
    Ok(value)
}

/// Makes a problem of what a decoder says of the thing at `path`.
fn field_problem(path: &str, message: &str) -> Problem {
    let message = message.split(" at line ").next().unwrap_or(message);
    let named = || message.split('`').nth(1).unwrap_or_default();
    let within = |name: &str| match path {
        "." | "" => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    if message.starts_with("missing field") {
        return Problem::field(within(named()), "required", "is required");
    }
    if message.starts_with("unknown field") {
        // The decoder stands at the field already.
        let name = if path.ends_with(named()) { path.to_owned() } else { within(named()) };
        return Problem::field(name, "unknown", "is not known here");
    }
    let path = if path.is_empty() { "." } else { path };
    Problem::field(path.to_owned(), "type", message.to_owned())
}

/// Where a page of a list begins, and how long it is.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageRequest {
    /// The `next` of the page before.
    #[param(min_length = 1)]
    pub(crate) before: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 100, default = 50)]
    pub(crate) limit: Option<i64>,
}

/// The query.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let query = request.query_string();
        let read = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
        let read = serde_path_to_error::deserialize(read);
        std::future::ready(read.map(Self).map_err(|error| {
            let path = error.path().to_string();
            field_problem(&path, &error.into_inner().to_string())
        }))
    }
}

/// A part of the path.
///
/// # Errors
///
/// 404 for what cannot be the name of anything.
pub(crate) fn part<T: FromStr>(request: &HttpRequest, name: &str) -> Result<T, Problem> {
    let text = request.match_info().query(name);
    text.parse().map_err(|_| Problem::new(Kind::NotFound))
}

/// How many things of a list are asked for: 1 to 100, 50 unless said.
///
/// # Errors
///
/// 400 at `limit`.
pub(crate) fn limit(limit: Option<i64>) -> Result<usize, Problem> {
    match usize::try_from(limit.unwrap_or(50)) {
        Ok(limit @ 1..=100) => Ok(limit),
        _ => Err(Problem::field("limit", "range", "must be from 1 to 100")),
    }
}
