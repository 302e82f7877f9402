//! The socket of the lobby.

mod client;
mod heal;
mod history;
mod lobby;
mod packet;
mod receive;
mod retry;
mod session;
mod stamp;
mod view;

use std::rc::Rc;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use application::Snapshots;
use tokio::sync::watch;

use self::lobby::Lobby;
use super::frames::History;
use crate::compat::Failure;
use crate::error_pages;
use crate::sockets::{self, Fanout, SocketServices, Worker};
use crate::state::{CompatSettings, State};
use crate::websocket::{NoHandshake, UPGRADE_REQUIRED};

/// The sockets of one worker. Cheap to clone; stays on its thread.
#[derive(Clone)]
pub struct CompatSockets(Rc<Worker<Lobby>>);

impl CompatSockets {
    /// Must be called once on each worker. `histories` must use [`crate::history_renderer`].
    /// Once `stopping` is true or its sender is dropped, every socket sends its queue and closes
    /// with 1001.
    #[must_use]
    pub fn start(
        services: Arc<SocketServices>,
        histories: Arc<Snapshots<History>>,
        settings: CompatSettings,
        fanout: &Fanout,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let lobby = Lobby::new(histories, settings, services.budget.clone());
        Self(Rc::new(Worker::start(services, lobby, fanout, stopping)))
    }
}

/// Adds the routes of the socket. They require [`CompatSockets`] in the application data.
pub(crate) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource(["/ws/chat/", "/ws/chat/{room:.+}"]).to(open));
}

/// All paths lead to the lobby.
async fn open(state: web::Data<State>, request: HttpRequest) -> HttpResponse {
    let Some(CompatSockets(worker)) = request.app_data::<CompatSockets>() else {
        return error_pages::not_found().await;
    };
    let address = state.proxies.client(&request);
    let token = access_token(request.query_string());
    let message_bytes = worker.sockets.protocol.settings.message_bytes;
    let accepted =
        sockets::accept(&worker.sockets, &request, address, message_bytes, |lobby, reader| {
            session::run(lobby, reader, token)
        });
    match accepted.await {
        Ok(response) | Err(NoHandshake::Invalid(response)) => response,
        Err(NoHandshake::UnsupportedVersion) => {
            let mut response = HttpResponse::build(StatusCode::UPGRADE_REQUIRED);
            for header in UPGRADE_REQUIRED {
                response.insert_header(header);
            }
            response.finish()
        }
        Err(NoHandshake::NotRequested) => error_pages::not_found().await,
        Err(NoHandshake::Limited(wait)) => Failure::Limited(wait).response(),
    }
}

/// The last `access_token` that is not empty.
fn access_token(query: &str) -> Option<String> {
    let pairs = form_urlencoded::parse(query.as_bytes());
    let tokens = pairs.filter(|(name, value)| name == "access_token" && !value.is_empty());
    tokens.last().map(|(_, token)| token.into_owned())
}

#[cfg(test)]
mod tests {
    use super::access_token;

    #[test]
    fn the_last_token_that_is_not_empty_wins() {
        let cases = [
            ("", None),
            ("access_token", None),
            ("access_token=", None),
            ("token=a", None),
            ("ACCESS_TOKEN=a", None),
            ("access_token=a", Some("a")),
            ("x=1&access_token=a&y=", Some("a")),
            ("access_token=a&access_token=b", Some("b")),
            ("access_token=a&access_token=", Some("a")),
            ("access%5Ftoken=a%2Eb%2", Some("a.b%2")),
            ("access_token=a+b%zz%C3%A9", Some("a b%zzé")),
            ("access_token=a;access_token=b", Some("a;access_token=b")),
            ("access_token=a=b", Some("a=b")),
        ];
        for (query, want) in cases {
            assert_eq!(access_token(query).as_deref(), want, "query: {query}");
        }
    }
}
