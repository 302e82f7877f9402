//! Extractors: the caller, the body, the query and the path of a request.

use std::borrow::Cow;
use std::future::{Future, Ready, ready};
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use actix_web::{FromRequest, HttpRequest, web};
use application::Chat;
use application::accounts::Caller;
use application::ports::Audience;
use domain::{Account, Action, ConversationId, MessageId, Outcome, UserId};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::cursor::{self, List};
use super::formats::parse_integer;
use super::problem::{Kind, Problem};
use super::{input, json};
use crate::collect::collect;
use crate::path;
use crate::state::State;

type Extracting<T> = Pin<Box<dyn Future<Output = Result<T, Problem>>>>;

/// A request with a valid access token.
pub(crate) struct Authenticated {
    pub(crate) state: web::Data<State>,
    pub(crate) caller: Caller,
    pub(crate) request: HttpRequest,
}

impl Authenticated {
    pub(crate) fn account(&self) -> &Account {
        &self.caller.account
    }

    pub(crate) fn chat(&self) -> &Chat {
        &self.state.chat
    }

    /// The decoded text of a path parameter, or an empty text if the route lacks it.
    pub(crate) fn text(&self, name: &str) -> Cow<'_, str> {
        path::decode_parameter(self.request.match_info().query(name))
    }

    /// Parses an id in the path. An invalid one is 404, like a missing resource.
    fn id(&self, name: &str) -> Result<i64, Problem> {
        parse_integer(&self.text(name)).ok_or_else(|| Problem::new(Kind::NotFound))
    }

    pub(crate) fn conversation(&self) -> Result<ConversationId, Problem> {
        self.id("conversation").map(ConversationId::new)
    }

    pub(crate) fn message(&self) -> Result<MessageId, Problem> {
        self.id("message").map(MessageId::new)
    }

    pub(crate) fn user(&self) -> Result<UserId, Problem> {
        self.id("user").map(UserId::new)
    }

    /// Acts on the conversation in the path.
    pub(crate) async fn act(&self, action: Action) -> Result<Outcome, Problem> {
        Ok(self.chat().act(self.account(), self.conversation()?, action).await?)
    }
}

impl FromRequest for Authenticated {
    type Error = Problem;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let state = state(&request)?;
            let token = bearer_token(request.headers())?;
            let caller = state.accounts.authenticate(&token, Audience::V1).await?;
            let from = (&caller.account, state.proxies.client(&request));
            state.reads.begin(&state.chat, &request, from).await?;
            Ok(Self { state, caller, request })
        })
    }
}

fn state(request: &HttpRequest) -> Result<web::Data<State>, Problem> {
    let missing = || Problem::internal("handle a request", "the state is missing");
    request.app_data::<web::Data<State>>().cloned().ok_or_else(missing)
}

/// Returns the token of `Authorization: Bearer` (RFC 6750), or 401.
pub(crate) fn bearer_token(headers: &HeaderMap) -> Result<String, Problem> {
    let missing = || {
        let detail = "Send the header Authorization: Bearer, followed by an access token.";
        Problem::new(Kind::Unauthenticated).with_detail(detail)
    };
    let header = headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok());
    let (scheme, token) = header.and_then(|header| header.split_once(' ')).ok_or_else(missing)?;
    let token = token.trim();
    let is_bearer = scheme.eq_ignore_ascii_case("bearer") && !token.is_empty();
    if is_bearer { Ok(token.to_owned()) } else { Err(missing()) }
}

/// Bodies up to this size are always accepted, even if the limit for messages is lower.
const MIN_BODY_LIMIT: usize = 64 * 1024;

/// The longest JSON text of a message with `message_chars` characters, in bytes. A character as two
/// escaped surrogates (`\ud83d\ude00`) takes twelve bytes.
pub(crate) fn longest(message_chars: usize) -> usize {
    const OVERHEAD: usize = 4 * 1024;
    const BYTES_PER_CHAR: usize = 12;
    OVERHEAD.saturating_add(message_chars.saturating_mul(BYTES_PER_CHAR))
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
            let taken = |_| Problem::internal("read a body", "it is already taken");
            let mut payload = payload.await.map_err(taken)?;
            check_media_type(&headers)?;
            let limit = longest(state.message_chars).max(MIN_BODY_LIMIT);
            let body = collect(&headers, &mut payload, limit, &state.budget).await?;
            json::parse(&body.bytes).map(Self)
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

/// The page of a list that the client asks for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageRequest {
    /// The `next` of the previous page; leave it out for the first page.
    #[param(min_length = 1)]
    before: Option<String>,
    /// Maximum number of items.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 100, default = 50)]
    limit: Option<String>,
}

impl PageRequest {
    pub(crate) fn limit(&self) -> Result<usize, Problem> {
        limit(self.limit.as_deref())
    }

    /// Decodes the cursor, which must belong to this list.
    pub(crate) fn before<const N: usize>(&self, list: List) -> Result<Option<[i128; N]>, Problem> {
        cursor::decode(list, "before", self.before.as_deref())
    }
}

/// The page size: 1 to 100, 50 by default.
pub(crate) fn limit(limit: Option<&str>) -> Result<usize, Problem> {
    let Some(limit) = limit else { return Ok(50) };
    match usize::try_from(input::integer("limit", limit)?) {
        Ok(limit @ 1..=100) => Ok(limit),
        _ => Err(Problem::field("limit", "range", "must be from 1 to 100")),
    }
}

pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse_query(request.query_string().as_bytes()).map(Self))
    }
}

fn parse_query<T: DeserializeOwned>(query: &[u8]) -> Result<T, Problem> {
    let query = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query));
    serde_path_to_error::deserialize(query).map_err(|error| {
        let path = error.path().to_string();
        json::field_problem(&path, &error.into_inner().to_string())
    })
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;
    use serde_json::{Map, Value};

    use super::{PageRequest, parse_query};
    use crate::v1::changes::ListChangesRequest;
    use crate::v1::cursor::List;
    use crate::v1::messages::SearchRequest;
    use crate::v1::problem::Problem;
    use crate::v1::users::FindUsersRequest;

    #[test]
    fn fuzz_queries() {
        bolero::check!(name = "queries").with_iterations(256).for_each(|input: &[u8]| {
            let pairs = form_urlencoded::parse(input);
            let pairs: Map<String, Value> =
                pairs.map(|(name, value)| (name.into(), value.into())).collect();
            let read = |error: Option<Problem>| error.map(|problem| problem.assert_about(&pairs));

            read(invalid::<SearchRequest>(input));
            read(invalid::<ListChangesRequest>(input));
            read(invalid::<FindUsersRequest>(input));
            match parse_query::<PageRequest>(input) {
                Ok(page) => {
                    match page.limit() {
                        Ok(limit) => assert!((1..=100).contains(&limit)),
                        Err(problem) => problem.assert_about(&pairs),
                    }
                    read(page.before::<1>(List::Members).err());
                }
                Err(problem) => problem.assert_about(&pairs),
            }
        });
    }

    fn invalid<T: DeserializeOwned>(query: &[u8]) -> Option<Problem> {
        parse_query::<T>(query).err()
    }
}
