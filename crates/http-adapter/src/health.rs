//! Whether the process lives, and whether it can serve.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, ContentType, HeaderValue};
use actix_web::{HttpResponse, web};
use application::ports::{Bus, ConversationStore};
use domain::ConversationId;
use tokio::time::timeout;

use crate::state::State;

/// Longest wait for the store.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether this process should be sent requests. Cheap to clone.
#[derive(Clone)]
pub struct Readiness {
    store: Arc<dyn ConversationStore>,
    bus: Arc<dyn Bus>,
    stopping: Arc<AtomicBool>,
}

impl Readiness {
    /// Ready while the store answers; degraded while the bus is away, which
    /// others are too, so that requests may come all the same.
    #[must_use]
    pub fn new(store: Arc<dyn ConversationStore>, bus: Arc<dyn Bus>) -> Self {
        Self { store, bus, stopping: Arc::new(AtomicBool::new(false)) }
    }

    /// Not ready from now on: the process is about to end.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    async fn status(&self) -> Result<&'static str, &'static str> {
        if self.stopping.load(Ordering::Relaxed) {
            return Err("stopping");
        }
        match timeout(PATIENCE, self.store.heads(&[ConversationId::LOBBY])).await {
            Ok(Ok(_heads)) if self.bus.is_connected() => Ok("ready"),
            Ok(Ok(_heads)) => Ok("degraded"),
            Ok(Err(error)) => {
                let error = &error as &(dyn std::error::Error + 'static);
                tracing::warn!(error, "not ready: the store failed");
                Err("store unavailable")
            }
            Err(_elapsed) => {
                tracing::warn!("not ready: the store did not answer in time");
                Err("store unavailable")
            }
        }
    }
}

pub(crate) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/health/live").get(live).head(live));
    cfg.service(web::resource("/health/ready").get(ready).head(ready));
}

async fn live() -> HttpResponse {
    answer(HttpResponse::Ok(), "live")
}

async fn ready(state: web::Data<State>) -> HttpResponse {
    match state.readiness.status().await {
        Ok(status) => answer(HttpResponse::Ok(), status),
        Err(status) => answer(HttpResponse::ServiceUnavailable(), status),
    }
}

fn answer(mut builder: actix_web::HttpResponseBuilder, status: &str) -> HttpResponse {
    builder
        .insert_header(ContentType::json())
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .body(format!(r#"{{"status":"{status}"}}"#))
}
