//! What each kind of problem means, at its address.

use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::{Kind, Problem};

/// A kind of problem.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "type": "/api/v1/problems/last-owner", "title": "A group keeps at least one owner.",
    "status": 409
})))]
pub(crate) struct ProblemKindResponse {
    /// Its address.
    #[serde(rename = "type")]
    uri: String,
    /// What it means.
    title: &'static str,
    /// The status that it comes with.
    status: u16,
}

/// `GET /problems/{name}`
pub(crate) async fn show(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let name = request.match_info().query("name");
    let kind = Kind::ALL.into_iter().find(|kind| kind.about().0 == name);
    let kind = kind.ok_or_else(|| Problem::new(Kind::NotFound))?;
    let (_, status, title) = kind.about();
    Ok(HttpResponse::Ok().json(ProblemKindResponse { uri: kind.uri(), title, status }))
}
