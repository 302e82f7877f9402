//! The chat over HTTP: both APIs with their sockets, the pages, and health checks.

mod access_log;
mod answer_body;
mod budget;
mod collect;
mod compat;
mod cors;
mod error_pages;
mod health;
mod middleware;
mod pages;
mod path;
mod proxies;
mod reads;
mod sliced;
mod sockets;
mod state;
mod transport;
mod v1;
mod websocket;

use actix_web::middleware::from_fn;
use actix_web::web;

pub use budget::Budget;
pub use compat::{CompatSockets, History, history_renderer, list_renderer};
pub use cors::AllowedOrigins;
pub use health::Readiness;
pub use proxies::TrustedProxies;
pub use reads::Reads;
pub use sockets::{Fanout, SocketServices, SocketSettings, SocketTimeouts};
pub use state::{CompatSettings, State};
pub use transport::{ConnectionLimits, ConnectionSettings, listen};
pub use v1::{V1Sockets, asyncapi_document, openapi_document};
pub use websocket::Frame;

/// Mounts all routes. Called once per worker.
pub fn configure(cfg: &mut web::ServiceConfig, state: web::Data<State>) {
    cfg.app_data(web::Data::new(state.readiness.clone()));
    cfg.app_data(state);
    cfg.service(
        web::scope("")
            .configure(health::configure)
            .configure(v1::configure)
            .configure(compat::configure)
            .configure(pages::configure)
            .default_service(web::to(error_pages::not_found))
            .wrap(from_fn(middleware::outermost)),
    );
}
