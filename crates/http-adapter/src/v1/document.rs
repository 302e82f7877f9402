//! What machines read of this API: OpenAPI for REST, AsyncAPI for the socket,
//! both made of the types that are read and written.

mod asyncapi;
mod openapi;
mod operation;
mod operations;
mod page;
mod schemas;

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::sliced::Sliced;

pub(super) use self::page::configure as page;

/// The OpenAPI document, as JSON.
#[must_use]
pub fn openapi_document() -> &'static [u8] {
    static DOCUMENT: LazyLock<Vec<u8>> = LazyLock::new(|| text(&openapi::document()));
    &DOCUMENT
}

/// The AsyncAPI document, as JSON.
#[must_use]
pub fn asyncapi_document() -> &'static [u8] {
    static DOCUMENT: LazyLock<Vec<u8>> = LazyLock::new(|| text(&asyncapi::document()));
    &DOCUMENT
}

fn text(document: &Value) -> Vec<u8> {
    document.to_string().into_bytes()
}

/// `GET /openapi.json`
pub(super) async fn show_openapi() -> HttpResponse {
    told(openapi_document())
}

/// `GET /asyncapi.json`
pub(super) async fn show_asyncapi() -> HttpResponse {
    told(asyncapi_document())
}

fn told(document: &'static [u8]) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/json"))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .body(Sliced(Bytes::from_static(document)))
}

/// What both documents say of themselves.
fn info(title: &str, description: &str) -> Value {
    json!({
        "title": title,
        "version": "1",
        "description": description,
        "license": {"name": env!("CARGO_PKG_LICENSE"), "url": "https://spdx.org/licenses/MIT"},
    })
}

#[cfg(test)]
pub(super) fn documented_routes() -> std::collections::BTreeSet<(String, String)> {
    let route = |operation: &operation::Operation| {
        (operation.path.to_owned(), operation.method.to_uppercase())
    };
    operations::all().iter().map(route).collect()
}
