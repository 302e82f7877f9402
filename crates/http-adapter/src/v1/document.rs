//! The machine-readable documents: OpenAPI for REST, AsyncAPI for the socket. Both are generated
//! from the request and response types.

mod asyncapi;
mod common;

use std::sync::LazyLock;

use utoipa::OpenApi as _;

pub(super) use self::common::Common;

/// The OpenAPI document, as JSON.
#[must_use]
pub fn openapi_document() -> &'static [u8] {
    static DOCUMENT: LazyLock<Vec<u8>> =
        LazyLock::new(|| serde_json::to_vec(&super::Documented::openapi()).unwrap_or_default());
    &DOCUMENT
}

/// The AsyncAPI document, as JSON.
#[must_use]
pub fn asyncapi_document() -> &'static [u8] {
    static DOCUMENT: LazyLock<Vec<u8>> =
        LazyLock::new(|| asyncapi::document().to_string().into_bytes());
    &DOCUMENT
}
