//! TCP connections. actix serves HTTP on them; those that become sockets are taken over.

mod connection;
mod connections;
mod upgrade;

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::time::Duration;

use actix_http::{Extensions, HttpService};
use actix_service::{IntoServiceFactory as _, ServiceFactory as _, fn_factory};
use actix_web::App;
use actix_web::dev::{AppConfig, Server};
use actix_web::rt::net::TcpStream;
use actix_web::web::ServiceConfig;
use application::ports::with_causes;
use socket2::SockRef;
use tokio::sync::OnceCell;

use self::upgrade::Upgrade;

pub use self::connections::ConnectionLimits;

pub(crate) use self::connection::{Connection, ConnectionPayload};
pub(crate) use self::connections::{ConnectionPermit, Verdict};
pub(crate) use self::upgrade::{Takeover, Upgraded};

/// The requested send buffer of one client, in bytes.
const SEND_BUFFER: usize = 128 * 1024;

/// Connections of each worker beyond the limit, which are only asked for the health of the server.
const RESERVE: usize = 16;

/// The limits of connections.
#[derive(Debug, Clone)]
pub struct ConnectionSettings {
    pub workers: NonZeroUsize,
    pub limits: ConnectionLimits,
    /// How long a client may take to send the head of a request.
    pub header_timeout: Duration,
    /// How long a connection may wait for its next request.
    pub keep_alive: Duration,
    /// The connection is dropped once the peer acknowledges nothing for this long.
    pub silence: Duration,
    /// How long the server still reads from a closed connection.
    pub linger: Duration,
    /// How long connections may take to end when the server stops. In whole seconds.
    pub shutdown_timeout: Duration,
}

/// The address of the server, in the application data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listening(pub(crate) SocketAddr);

/// Serves the routes that `configure` mounts on each worker, until the server is stopped.
pub fn listen(
    listener: TcpListener,
    settings: ConnectionSettings,
    configure: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
) -> io::Result<Server> {
    let address = listener.local_addr()?;
    let workers = settings.workers.get();
    let server = Server::build()
        .workers(workers)
        .max_concurrent_connections(
            settings.limits.most().div_ceil(workers).saturating_add(RESERVE),
        )
        .shutdown_timeout(settings.shutdown_timeout.as_secs().max(1))
        .disable_signals();
    let stopping = server.graceful_shutdown_signal();
    let factory = move || {
        let stopping = stopping.clone();
        let app = App::new().app_data(Listening(address)).configure(&configure);
        let app = Rc::new((OnceCell::new(), app.into_factory()));
        // Plain requests and upgrades on one worker share one application.
        let shared = move || {
            let app = Rc::clone(&app);
            async move {
                let (service, factory) = &*app;
                let make = async || factory.new_service(AppConfig::default()).await.map(Rc::new);
                service.get_or_try_init(make).await.cloned()
            }
        };
        let for_upgrades = shared.clone();
        let ConnectionSettings { silence, linger, limits, .. } = settings.clone();
        let upgrade = move || {
            let app = for_upgrades();
            async move { app.await.map(|app| Upgrade { app, linger }) }
        };
        HttpService::build()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .keep_alive(settings.keep_alive)
            .client_request_timeout(settings.header_timeout)
            .client_disconnect_timeout(linger)
            .local_addr(address)
            .on_connect_ext(move |connection: &TcpStream, data: &mut Extensions| {
                tune(connection, silence);
                let peer = connection.peer_addr().ok().map(|peer| peer.ip());
                let permit = limits.enter(peer);
                if permit.verdict == Verdict::AddressFlooding {
                    // If this fails, the connection is gone.
                    let _ = SockRef::from(connection).shutdown(Shutdown::Both);
                }
                data.insert(permit);
            })
            .upgrade(fn_factory(upgrade))
            .finish(fn_factory(shared))
            .tcp()
    };
    Ok(server.listen("chat", listener, factory)?.run())
}

/// Bounds the send buffer, and sets `TCP_USER_TIMEOUT`: the kernel drops a peer that acknowledges
/// nothing for this long.
fn tune(connection: &TcpStream, user_timeout: Duration) {
    // The server's own timeouts still apply if this fails.
    if let Err(error) = try_tune(&SockRef::from(connection), user_timeout) {
        tracing::debug!(
            error = with_causes(&error),
            "cannot set the options of a connection; it keeps the kernel's defaults"
        );
    }
}

fn try_tune(socket: &SockRef<'_>, user_timeout: Duration) -> io::Result<()> {
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.set_tcp_nodelay(true)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(user_timeout))?;
    #[cfg(not(target_os = "linux"))]
    let _ = user_timeout;
    Ok(())
}
