//! Responses to `OPTIONS`: the description of an endpoint.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;

use super::call::{Call, Endpoint};
use super::failure::Failure;
use super::messages;

/// Describes the fields only to callers who may write them.
pub(crate) async fn describe(endpoint: Endpoint, call: &Call) -> Result<HttpResponse, Failure> {
    let (name, actions) = match endpoint {
        Endpoint::Register => ("Register", Some(("POST", REGISTER))),
        Endpoint::Token => ("Custom Token Obtain Pair", Some(("POST", TOKEN))),
        Endpoint::Refresh => ("Token Refresh", Some(("POST", REFRESH))),
        Endpoint::Verify => ("Token Verify", Some(("POST", VERIFY))),
        Endpoint::Root => ("Api Root", None),
        Endpoint::List => ("Message List", Some(("POST", MESSAGE))),
        Endpoint::Detail => {
            ("Message Instance", may_change(call).await?.then_some(("PUT", MESSAGE)))
        }
    };
    let actions =
        actions.map(|(method, fields)| format!(r#","actions":{{"{method}":{{{fields}}}}}"#));
    let actions = actions.unwrap_or_default();
    let body = format!(
        r#"{{"name":"{name}","description":"","renders":["application/json"],"parses":["application/json","application/x-www-form-urlencoded","multipart/form-data"]{actions}}}"#
    );
    Ok(HttpResponse::Ok().insert_header(ContentType::json()).body(body))
}

async fn may_change(call: &Call) -> Result<bool, Failure> {
    match messages::requested_message(call).await {
        Ok((_message, may_change)) => Ok(may_change),
        Err(failure) if failure.status() == StatusCode::NOT_FOUND => Ok(false),
        Err(failure) => Err(failure),
    }
}

// The order of the keys is part of the contract.
const REGISTER: &str = concat!(
    r#""id":{"type":"integer","required":false,"read_only":true,"label":"ID"},"#,
    r#""username":{"type":"string","required":true,"read_only":false,"label":"Username","max_length":150,"help_text":"Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only."},"#,
    r#""email":{"type":"email","required":true,"read_only":false,"label":"Email"},"#,
    r#""password":{"type":"string","required":true,"read_only":false,"label":"Password"}"#,
);
const TOKEN: &str = concat!(
    r#""username":{"type":"string","required":true,"read_only":false,"label":"Username"},"#,
    r#""password":{"type":"string","required":true,"read_only":false,"label":"Password"}"#,
);
const REFRESH: &str = concat!(
    r#""refresh":{"type":"string","required":true,"read_only":false,"label":"Refresh"},"#,
    r#""access":{"type":"string","required":false,"read_only":true,"label":"Access"}"#,
);
const VERIFY: &str =
    r#""token":{"type":"string","required":true,"read_only":false,"label":"Token"}"#;
const MESSAGE: &str = concat!(
    r#""id":{"type":"integer","required":false,"read_only":true,"label":"ID"},"#,
    r#""content":{"type":"string","required":true,"read_only":false,"label":"Content"},"#,
    r#""created_at":{"type":"datetime","required":false,"read_only":true,"label":"Created at"},"#,
    r#""author":{"type":"field","required":true,"read_only":false,"label":"Author"},"#,
    r#""author_username":{"type":"string","required":false,"read_only":true,"label":"Author username"},"#,
    r#""is_modified":{"type":"boolean","required":false,"read_only":false,"label":"Is modified"}"#,
);
