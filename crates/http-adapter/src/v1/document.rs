//! The machine-readable documents: OpenAPI for REST, AsyncAPI for the socket. Both are generated
//! from the request and response types.

mod asyncapi;
mod common;
mod schemas;

use std::sync::LazyLock;

use serde_json::{Value, json};
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

/// The `info` object of the AsyncAPI document.
fn info(title: &str, description: &str) -> Value {
    json!({
        "title": title,
        "version": "1",
        "description": description,
        "license": {"name": env!("CARGO_PKG_LICENSE"), "url": "https://spdx.org/licenses/MIT"},
    })
}
