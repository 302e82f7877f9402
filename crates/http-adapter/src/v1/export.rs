//! Taking along what was said.

use std::error::Error;
use std::sync::Arc;

use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use domain::Message;
use futures_util::stream::try_unfold;

use super::conversations::named;
use super::problem::Problem;
use super::request::Authenticated;
use super::views::MessageResponse;

/// `GET /conversations/{conversation}/export`: a line of JSON for each message,
/// read as fast as the client takes them. One that fails on its way ends without
/// the last chunk.
pub(crate) async fn export(
    signed: Authenticated,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let conversation = named(&request)?;
    let export = signed.state.chat.export(signed.account(), conversation).await?;
    let pages = try_unfold(export, |mut export| async move {
        let page = export.next().await?;
        let lines = page.map(|messages| lines(&messages)).transpose()?;
        Ok::<_, Box<dyn Error>>(lines.map(|lines| (lines, export)))
    });
    let name = format!("attachment; filename=\"conversation-{conversation}.jsonl\"");
    let mut answer = HttpResponse::Ok();
    answer.content_type("application/jsonl").insert_header((CONTENT_DISPOSITION, name));
    Ok(answer.streaming(pages))
}

fn lines(messages: &[Arc<Message>]) -> serde_json::Result<Bytes> {
    let mut lines = Vec::new();
    for message in messages {
        serde_json::to_writer(&mut lines, &MessageResponse::from(&**message))?;
        lines.push(b'\n');
    }
    Ok(lines.into())
}
