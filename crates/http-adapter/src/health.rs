//! Whether the process is alive, and whether it can serve requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{CACHE_CONTROL, ContentType, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder, web};
use application::ports::{Bus, ConversationStore, with_causes};
use domain::ConversationId;
use tokio::time::timeout;

const STORE_TIMEOUT: Duration = Duration::from_secs(2);

/// Tells load balancers whether to send requests to this process. Cheap to clone.
#[derive(Clone)]
pub struct Readiness {
    store: Arc<dyn ConversationStore>,
    bus: Arc<dyn Bus>,
    stopping: Arc<AtomicBool>,
}

impl Readiness {
    /// The process is ready while the store answers. It stays ready without the bus, although
    /// degraded, because the other nodes usually lack the bus at the same time.
    #[must_use]
    pub fn new(store: Arc<dyn ConversationStore>, bus: Arc<dyn Bus>) -> Self {
        Self { store, bus, stopping: Arc::new(AtomicBool::new(false)) }
    }

    /// Reports not ready from now on, because the process is about to end.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    async fn status(&self) -> Result<&'static str, &'static str> {
        if self.stopping.load(Ordering::Relaxed) {
            return Err("stopping");
        }
        match timeout(STORE_TIMEOUT, self.store.heads(&[ConversationId::LOBBY])).await {
            Ok(Ok(_heads)) if self.bus.is_connected() => Ok("ready"),
            Ok(Ok(_heads)) => Ok("degraded"),
            Ok(Err(error)) => {
                tracing::warn!(error = with_causes(&error), "not ready: the store failed");
                Err("store unavailable")
            }
            Err(_elapsed) => {
                tracing::warn!("not ready: the store did not answer within {STORE_TIMEOUT:?}");
                Err("store unavailable")
            }
        }
    }
}

/// The routes require [`Readiness`] in the application data.
pub(crate) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/health/live").get(live).head(live));
    cfg.service(web::resource("/health/ready").get(ready).head(ready));
}

pub(crate) fn is_asked(request: &ServiceRequest) -> bool {
    request.path().starts_with("/health/")
}

async fn live() -> HttpResponse {
    respond(HttpResponse::Ok(), "live")
}

async fn ready(readiness: web::Data<Readiness>) -> HttpResponse {
    match readiness.status().await {
        Ok(status) => respond(HttpResponse::Ok(), status),
        Err(status) => respond(HttpResponse::ServiceUnavailable(), status),
    }
}

fn respond(mut builder: HttpResponseBuilder, status: &str) -> HttpResponse {
    builder
        .insert_header(ContentType::json())
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .body(format!(r#"{{"status":"{status}"}}"#))
}
