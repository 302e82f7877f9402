//! The endpoints, and a request to one of them with its caller.

use actix_web::http::header::{AUTHORIZATION, ContentType, HeaderMap};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use application::accounts::{Accounts, Caller};
use application::ports::{Audience, TokenError};
use domain::Account;
use serde::Serialize;

use super::failure::Failure;
use super::form::Form;
use super::{body, json_text};
use crate::collect::collect;
use crate::state::State;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Register,
    Token,
    Refresh,
    Verify,
    Root,
    List,
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
        let body = collect(headers, &mut self.payload, limit, budget).await?;
        Ok(Form::new(body::decode(headers, &body.bytes, known).await?))
    }
}

pub(crate) fn json<T: Serialize>(status: StatusCode, value: &T) -> HttpResponse {
    HttpResponse::build(status).insert_header(ContentType::json()).body(json_text::to_vec(value))
}

/// The caller that the header names; 401 for an invalid token, or if a required one is missing.
pub(crate) async fn caller(
    access: Access,
    headers: &HeaderMap,
    accounts: &Accounts,
) -> Result<Option<Caller>, Failure> {
    if access == Access::Open {
        return Ok(None);
    }
    match (bearer_token(headers)?, access) {
        (Some(token), _) => {
            let token = std::str::from_utf8(token)
                .map_err(|_not_text| Failure::AccessToken(TokenError::Invalid))?;
            Ok(Some(accounts.authenticate(token, Audience::Compat).await?))
        }
        (None, Access::Protected) => Err(Failure::no_token()),
        (None, Access::Open | Access::Optional) => Ok(None),
    }
}

/// The token, if the first word is exactly `Bearer`. Other schemes count as no token.
fn bearer_token(headers: &HeaderMap) -> Result<Option<&[u8]>, Failure> {
    let Some(header) = headers.get(AUTHORIZATION) else { return Ok(None) };
    let mut words = header.as_bytes().split(u8::is_ascii_whitespace).filter(|w| !w.is_empty());
    if words.next() != Some(b"Bearer") {
        return Ok(None);
    }
    match (words.next(), words.next()) {
        (Some(token), None) => Ok(Some(token)),
        _ => Err(Failure::unauthorized(
            "Authorization header must contain two space-delimited values",
            "bad_authorization_header",
        )),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderValue};

    use super::bearer_token;

    #[test]
    fn a_token_follows_the_word_bearer() {
        struct Case {
            header: &'static str,
            want: Result<Option<&'static str>, ()>,
        }
        let cases = [
            Case { header: "", want: Ok(None) },
            Case { header: "bearer x", want: Ok(None) },
            Case { header: "JWT x", want: Ok(None) },
            Case { header: "x.y.z", want: Ok(None) },
            Case { header: "Bearer", want: Err(()) },
            Case { header: "Bearer one two", want: Err(()) },
            Case { header: "Bearer x", want: Ok(Some("x")) },
            Case { header: " Bearer \t x ", want: Ok(Some("x")) },
        ];

        for Case { header, want } in cases {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_static(header));
            let got = bearer_token(&headers).map_err(drop);
            assert_eq!(got, want.map(|token| token.map(str::as_bytes)), "{header}");
        }
    }
}
