//! The OpenAPI document to browse: Swagger UI, which comes with the program.

use std::sync::{Arc, LazyLock};

use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _, web};
use bytes::Bytes;
use utoipa_swagger_ui::Config;

use crate::sliced::Sliced;
use crate::v1::problem::{Kind, Problem};

/// As of the other pages; but Swagger UI brings a style in its page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    connect-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'";

static CONFIG: LazyLock<Arc<Config<'static>>> =
    LazyLock::new(|| Arc::new(Config::from("../openapi.json").deep_linking(true)));

/// The page and its parts.
pub(crate) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.route("/docs", web::get().to(to_slash)).route("/docs/{file:.*}", web::get().to(show));
}

async fn to_slash() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "docs/")).finish()
}

async fn show(request: HttpRequest) -> HttpResponse {
    let name = request.match_info().query("file");
    let Ok(Some(file)) = utoipa_swagger_ui::serve(name, Arc::clone(&CONFIG)) else {
        return Problem::new(Kind::NotFound).error_response();
    };
    let bytes = match file.bytes {
        std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        std::borrow::Cow::Owned(bytes) => Bytes::from(bytes),
    };
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, file.content_type))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .body(Sliced(bytes))
}
