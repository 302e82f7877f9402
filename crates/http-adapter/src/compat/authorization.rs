//! The `Authorization` header.

use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use application::accounts::{Accounts, Caller};
use application::ports::TokenError;

use super::call::Access;
use super::failure::Failure;

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
            Ok(Some(accounts.authenticate(token).await?))
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
