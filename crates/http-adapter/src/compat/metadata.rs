//! Responses to `OPTIONS`: the description of an endpoint.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::call::{Call, Endpoint, json};
use super::failure::Failure;
use super::messages;

/// The fields are shown only to callers who may write them.
pub(crate) async fn answer(endpoint: Endpoint, call: &Call) -> Result<HttpResponse, Failure> {
    let actions = match endpoint {
        Endpoint::Root => None,
        Endpoint::Register => Some(("POST", REGISTER)),
        Endpoint::Token => Some(("POST", TOKEN)),
        Endpoint::Refresh => Some(("POST", REFRESH)),
        Endpoint::Verify => Some(("POST", VERIFY)),
        Endpoint::List => Some(("POST", MESSAGE)),
        Endpoint::Detail => may_change(call).await?.then_some(("PUT", MESSAGE)),
    };
    let name = match endpoint {
        Endpoint::Register => "Register",
        Endpoint::Token => "Custom Token Obtain Pair",
        Endpoint::Refresh => "Token Refresh",
        Endpoint::Verify => "Token Verify",
        Endpoint::Root => "Api Root",
        Endpoint::List => "Message List",
        Endpoint::Detail => "Message Instance",
    };
    let view = EndpointView {
        name,
        description: "",
        renders: &["application/json"],
        parses: &["application/json", "application/x-www-form-urlencoded", "multipart/form-data"],
        actions: actions.map(|(method, fields)| Actions { method, fields: Fields(fields) }),
    };
    Ok(json(StatusCode::OK, &view))
}

async fn may_change(call: &Call) -> Result<bool, Failure> {
    match messages::requested_message(call).await {
        Ok((_message, may_change)) => Ok(may_change),
        Err(failure) if failure.status() == StatusCode::NOT_FOUND => Ok(false),
        Err(failure) => Err(failure),
    }
}

#[derive(Serialize)]
struct EndpointView {
    name: &'static str,
    description: &'static str,
    renders: &'static [&'static str],
    parses: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    actions: Option<Actions>,
}

struct Actions {
    method: &'static str,
    fields: Fields,
}

impl Serialize for Actions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(1))?;
        object.serialize_entry(self.method, &self.fields)?;
        object.end()
    }
}

struct Fields(&'static [(&'static str, Field)]);

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, field)| (name, field)))
    }
}

#[derive(Serialize)]
struct Field {
    r#type: &'static str,
    required: bool,
    read_only: bool,
    label: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_length: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help_text: Option<&'static str>,
}

impl Field {
    const fn required(kind: &'static str, label: &'static str) -> Self {
        Self {
            r#type: kind,
            required: true,
            read_only: false,
            label,
            max_length: None,
            help_text: None,
        }
    }

    const fn optional(kind: &'static str, label: &'static str) -> Self {
        Self { required: false, ..Self::required(kind, label) }
    }

    const fn read_only(kind: &'static str, label: &'static str) -> Self {
        Self { required: false, read_only: true, ..Self::required(kind, label) }
    }
}

const REGISTER: &[(&str, Field)] = &[
    ("id", Field::read_only("integer", "ID")),
    (
        "username",
        Field {
            max_length: Some(150),
            help_text: Some(
                "Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.",
            ),
            ..Field::required("string", "Username")
        },
    ),
    ("email", Field::required("email", "Email")),
    ("password", Field::required("string", "Password")),
];
const TOKEN: &[(&str, Field)] = &[
    ("username", Field::required("string", "Username")),
    ("password", Field::required("string", "Password")),
];
const REFRESH: &[(&str, Field)] = &[
    ("refresh", Field::required("string", "Refresh")),
    ("access", Field::read_only("string", "Access")),
];
const VERIFY: &[(&str, Field)] = &[("token", Field::required("string", "Token"))];
const MESSAGE: &[(&str, Field)] = &[
    ("id", Field::read_only("integer", "ID")),
    ("content", Field::required("string", "Content")),
    ("created_at", Field::read_only("datetime", "Created at")),
    ("author", Field::required("field", "Author")),
    ("author_username", Field::read_only("string", "Author username")),
    ("is_modified", Field::optional("boolean", "Is modified")),
];
