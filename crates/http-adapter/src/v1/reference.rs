//! Reference for client developers: the documents, the kinds of problems, and the socket.

use std::sync::{Arc, LazyLock};

use actix_web::http::Method;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_swagger_ui::Config;

use super::document::{asyncapi_document, openapi_document};
use super::problem::{Kind, Problem};
use crate::sliced::Sliced;

/// A kind of problem.
#[derive(Serialize, ToSchema)]
#[schema(as = ProblemKind, examples(json!({
    "type": "/api/v1/problems/last-owner", "title": "A group must keep at least one owner.",
    "status": 409
})))]
pub(crate) struct ProblemKindResponse {
    /// The stable address of the kind.
    #[serde(rename = "type")]
    uri: String,
    /// The meaning of the kind.
    title: &'static str,
    /// The status of responses of this kind.
    status: u16,
}

/// Describes a kind of problem.
#[utoipa::path(
    get, path = "/problems/{name}", security(()),
    responses((status = 200, description = "The kind.", body = ProblemKindResponse)),
)]
pub(crate) async fn get_problem_kind(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let name = request.match_info().query("name");
    let kind = Kind::ALL.iter().find(|kind| kind.about().0 == name);
    let kind = kind.ok_or_else(|| Problem::new(Kind::NotFound))?;
    let (_, status, title) = kind.about();
    Ok(HttpResponse::Ok().json(ProblemKindResponse { uri: kind.uri(), title, status }))
}

/// Returns this document.
#[utoipa::path(
    get, path = "/openapi.json", security(()),
    responses((status = 200, description = "OpenAPI 3.1.", body = Object, content_type = "application/json", example = json!({}))),
)]
pub(crate) async fn get_openapi() -> HttpResponse {
    document(openapi_document())
}

/// Returns the AsyncAPI document of the socket.
#[utoipa::path(
    get, path = "/asyncapi.json", security(()),
    responses((status = 200, description = "AsyncAPI 3.0.", body = Object, content_type = "application/json", example = json!({}))),
)]
pub(crate) async fn get_asyncapi() -> HttpResponse {
    document(asyncapi_document())
}

fn document(document: &'static [u8]) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/json"))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .body(Sliced(Bytes::from_static(document)))
}

/// Like the policy of the pages, but allows the inline styles of Swagger UI.
const SWAGGER_POLICY: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src 'self' data:; \
    base-uri 'none'; frame-ancestors 'none'";

static SWAGGER: LazyLock<Arc<Config<'static>>> =
    LazyLock::new(|| Arc::new(Config::from("../openapi.json").deep_linking(true)));

/// Serves the embedded Swagger UI under `/docs/`.
pub(super) fn configure_swagger(cfg: &mut web::ServiceConfig) {
    let to_final_slash =
        || async { HttpResponse::PermanentRedirect().insert_header((LOCATION, "docs/")).finish() };
    cfg.route("/docs", super::route(Method::GET).to(to_final_slash));
    cfg.route("/docs/{file:.*}", super::route(Method::GET).to(swagger_file));
}

async fn swagger_file(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let name = request.match_info().query("file");
    let file = utoipa_swagger_ui::serve(name, Arc::clone(&SWAGGER)).ok().flatten();
    let file = file.ok_or_else(|| Problem::new(Kind::NotFound))?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, file.content_type))
        .insert_header((CONTENT_SECURITY_POLICY, SWAGGER_POLICY))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .body(Sliced::from(file.bytes)))
}
