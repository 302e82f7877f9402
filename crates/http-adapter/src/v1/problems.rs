//! What each kind of problem means, at its address.

use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::problem::{Kind, Problem};

#[derive(Serialize)]
struct KindView {
    #[serde(rename = "type")]
    uri: String,
    title: &'static str,
    status: u16,
}

/// `GET /problems/{name}`
pub(crate) async fn show(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let name = request.match_info().query("name");
    let kind = Kind::ALL.into_iter().find(|kind| kind.about().0 == name);
    let kind = kind.ok_or_else(|| Problem::new(Kind::NotFound))?;
    let (_, status, title) = kind.about();
    Ok(HttpResponse::Ok().json(KindView { uri: kind.uri(), title, status }))
}
