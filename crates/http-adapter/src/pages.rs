//! The HTML pages and their assets, embedded in the program.

use std::fmt::Write as _;

use actix_web::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, HeaderValue,
    IF_NONE_MATCH,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::sliced::Sliced;
use crate::{error_pages, path};

#[derive(RustEmbed)]
#[folder = "assets/"]
struct Assets;

/// Only our own scripts and styles, and none inline. `'self'` includes sockets of the same origin.
const POLICY: (HeaderName, HeaderValue) = (
    CONTENT_SECURITY_POLICY,
    HeaderValue::from_static(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
         img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
);
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
/// File names have no version, so browsers must revalidate.
const REVALIDATE: (HeaderName, HeaderValue) = (CACHE_CONTROL, HeaderValue::from_static("no-cache"));

pub(crate) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(readable(web::resource("/")).get(start).head(start));
    cfg.service(readable(web::resource(["/chat", "/chat/"])).get(lobby).head(lobby));
    let room_paths = ["/chat/{room}", "/chat/{room}/"];
    cfg.service(readable(web::resource(room_paths)).get(room).head(room));
    cfg.service(readable(web::resource("/static/{path:.+}")).get(asset).head(asset));
}

fn readable(resource: actix_web::Resource) -> actix_web::Resource {
    resource.default_service(web::to(not_allowed))
}

async fn not_allowed(request: HttpRequest) -> HttpResponse {
    if let Some(redirect) = path::to_final_slash(&request) {
        return redirect;
    }
    HttpResponse::MethodNotAllowed().insert_header((ALLOW, "GET, HEAD")).finish()
}

async fn start(request: HttpRequest) -> HttpResponse {
    file(&request, "start.html").await
}

async fn lobby(request: HttpRequest) -> HttpResponse {
    match path::to_final_slash(&request) {
        Some(redirect) => redirect,
        None => file(&request, "lobby.html").await,
    }
}

async fn room(request: HttpRequest, name: web::Path<String>) -> HttpResponse {
    if let Some(redirect) = path::to_final_slash(&request) {
        return redirect;
    }
    // The name is decoded. A name with an escaped slash is invalid.
    let page = Assets::get("room.html").filter(|_| !name.contains('/'));
    let Some(page) = page else { return error_pages::not_found().await };
    let page = String::from_utf8_lossy(&page.data).replace("{{room}}", &json_for_html(&name));
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, HTML))
        .insert_header(POLICY)
        .insert_header(REVALIDATE)
        .body(page)
}

async fn asset(request: HttpRequest, path: web::Path<String>) -> HttpResponse {
    let leaves_folder = path.split('/').any(|segment| matches!(segment, "." | ".."));
    if leaves_folder {
        error_pages::not_found().await
    } else {
        file(&request, &format!("static/{path}")).await
    }
}

async fn file(request: &HttpRequest, path: &str) -> HttpResponse {
    let Some(file) = Assets::get(path) else { return error_pages::not_found().await };
    let tag = etag(&file);
    if has_current(request, &tag) {
        return with_headers(HttpResponse::NotModified(), path, &tag).finish();
    }
    with_headers(HttpResponse::Ok(), path, &tag).body(Sliced::from(file.data))
}

fn with_headers(mut builder: HttpResponseBuilder, path: &str, tag: &str) -> HttpResponseBuilder {
    let media_type = media_type(path);
    builder.insert_header((ETAG, tag)).insert_header(REVALIDATE);
    if media_type == HTML {
        builder.insert_header(POLICY);
    }
    builder.insert_header((CONTENT_TYPE, media_type));
    builder
}

fn etag(file: &EmbeddedFile) -> String {
    let digest = file.metadata.sha256_hash();
    let half = digest.first_chunk().copied().unwrap_or_default();
    format!("\"{:032x}\"", u128::from_be_bytes(half))
}

fn has_current(request: &HttpRequest, tag: &str) -> bool {
    let known = request.headers().get_all(IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    known
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

fn media_type(path: &str) -> HeaderValue {
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension {
        "html" => HTML,
        "css" => HeaderValue::from_static("text/css; charset=utf-8"),
        "js" => HeaderValue::from_static("text/javascript; charset=utf-8"),
        "json" | "webmanifest" => HeaderValue::from_static("application/json"),
        "svg" => HeaderValue::from_static("image/svg+xml"),
        "png" => HeaderValue::from_static("image/png"),
        "ico" => HeaderValue::from_static("image/x-icon"),
        "txt" => HeaderValue::from_static("text/plain; charset=utf-8"),
        _ => HeaderValue::from_static("application/octet-stream"),
    }
}

/// A JSON string that is safe in a script element: markup and non-ASCII characters are escaped.
fn json_for_html(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            ' '..='~' if !matches!(c, '<' | '>' | '&') => json.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a string cannot fail.
                    let _ = write!(json, "\\u{unit:04X}");
                }
            }
        }
    }
    json.push('"');
    json
}

#[cfg(test)]
mod tests {
    use super::json_for_html;

    #[test]
    fn a_room_name_stays_inside_its_string() {
        let cases = [
            ("kitchen", r#""kitchen""#),
            ("<img>&", r#""\u003Cimg\u003E\u0026""#),
            ("a\"b\\c\n", r#""a\"b\\c\u000A""#),
            ("é😀", r#""\u00E9\uD83D\uDE00""#),
        ];

        for (name, want) in cases {
            assert_eq!(json_for_html(name), want);
        }
    }
}
