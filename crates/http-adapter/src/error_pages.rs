//! The response for paths that no API handles.

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;

pub(crate) async fn not_found() -> HttpResponse {
    HttpResponse::NotFound().insert_header(ContentType::json()).body(r#"{"detail":"Not found."}"#)
}
