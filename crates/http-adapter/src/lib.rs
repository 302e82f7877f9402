//! The chat over HTTP: REST, pages, health; one scope that `server` mounts.

mod collect;
mod compat;
mod connections;
mod cors;
mod fanout;
mod handshake;
mod health;
mod pages;
mod proxies;
mod redirects;
mod requests;
mod security;
mod sliced;
mod state;
mod v1;

use actix_web::middleware::from_fn;
use actix_web::web;

pub use compat::{
    History, SocketServices, SocketSettings, Sockets, history_renderer, list_renderer,
};
pub use connections::{ConnectionSettings, listen};
pub use cors::AllowedOrigins;
pub use fanout::{Budget, Fanout, Frame};
pub use health::Readiness;
pub use proxies::TrustedProxies;
pub use state::{Accounts, CompatSettings, State};
pub use v1::{V1Settings, V1Sockets, asyncapi_document, openapi_document};

/// Mounts everything, once per worker.
pub fn configure(cfg: &mut web::ServiceConfig, state: web::Data<State>) {
    cfg.app_data(state);
    cfg.service(
        web::scope("")
            .configure(health::configure)
            .configure(v1::configure)
            .configure(compat::configure)
            .configure(pages::configure)
            .default_service(web::to(requests::not_found))
            .wrap(from_fn(requests::frame)),
    );
}
