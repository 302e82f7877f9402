//! `online-chat serve`: from start to clean shutdown.

use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use anyhow::{Context as _, anyhow};
use application::ports::with_causes;
use http_adapter::{
    CompatSockets, ConnectionLimits, ConnectionSettings, TrustedProxies, V1Sockets,
};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::instance_lock::InstanceLock;
use crate::resources::{self, Resources};
use crate::settings::Settings;
use crate::storage::Storage;
use crate::wiring::{self, RunningChat};

/// Exit status after a second signal: 128 + SIGINT, as in shells.
const INTERRUPTED: i32 = 130;

/// How long the server reads from a closed connection. actix uses a clock that is up to half a second behind, and
/// ignores a deadline that has already passed.
const LINGER: Duration = Duration::from_millis(600);

/// Serves until a stop signal.
pub(super) fn serve(settings: &Settings) -> anyhow::Result<()> {
    let resources = resources::acquire(settings)?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the threads of the runtime")?
        .block_on(run(settings, resources))
}

async fn run(settings: &Settings, resources: Resources) -> anyhow::Result<()> {
    let Resources { lock, signing_key, listener } = resources;
    let mut stop = StopSignals::listen()?;
    let storage = Storage::open(settings).await?;
    tracing::info!("the writer runs with {}", storage.durability().await?);
    if lock.as_ref().is_some_and(InstanceLock::is_after_power_cut) {
        tracing::warn!(
            "the machine or the disk stopped while the server was running; all clients will load their messages again"
        );
        storage.begin_epoch().await?;
    }
    let chat = wiring::chat(settings, &signing_key, storage.clone())?;
    let RunningChat { state, sockets, histories, fanout, presence, last_seen, mut tasks } = chat;
    let readiness = state.readiness.clone();

    let (stopping, stopped) = watch::channel(false);
    let address =
        listener.local_addr().context("cannot read the address of the listening socket")?;
    let server = http_adapter::listen(listener, connections(settings), move |cfg| {
        cfg.app_data(V1Sockets::start(Arc::clone(&sockets), &fanout, stopped.clone()));
        cfg.app_data(CompatSockets::start(
            Arc::clone(&sockets),
            Arc::clone(&histories),
            state.settings,
            &fanout,
            stopped.clone(),
        ));
        http_adapter::configure(cfg, state.clone());
    })
    .context("cannot serve on the listening socket")?;
    let handle = server.handle();
    let mut server = tokio::spawn(server);
    tracing::info!("listening on http://{address}");

    // No task ends by itself. If one does, the server stops, because it would acknowledge messages that it never
    // delivers.
    let ended = tokio::select! {
        () = stop.next() => Ok(()),
        task = tasks.join_next() => Err(anyhow!("a background task ended: {task:?}")),
        end = &mut server => Err(anyhow!("the HTTP server ended: {end:?}")),
        () = storage.failed() => Err(anyhow!(
            "the disk failed while messages were written to it, so the last ones may be lost; check the disk and start \
             the server again"
        )),
    };
    match &ended {
        Ok(()) => {
            tracing::info!("stopping: finishing open requests; a second signal stops at once");
        }
        Err(error) => tracing::error!("stopping: {error}"),
    }
    let limit = settings.http.shutdown_timeout;
    let end = async {
        readiness.stop();
        stopping.send_replace(true);
        close_connections(&handle, limit).await;
        // After the sockets, so that the last-seen times of their users are stored too.
        presence.close();
        last_seen.close();
        drop((readiness, presence, last_seen));
        finish_tasks(tasks, limit).await;
        storage.close().await
    };
    tokio::select! {
        closed = end => closed?,
        () = stop.next() => std::process::exit(INTERRUPTED),
    }
    if let Some(lock) = lock.filter(|_| ended.is_ok()) {
        lock.release().context("the end of the server was not recorded")?;
    }
    tracing::info!("stopped");
    ended
}

fn connections(settings: &Settings) -> ConnectionSettings {
    ConnectionSettings {
        workers: settings.http.workers,
        limits: ConnectionLimits::new(
            settings.http.max_connections,
            settings.limits.connections_per_address,
            TrustedProxies::new(settings.http.trusted_proxies.clone()),
        ),
        header_timeout: settings.http.header_timeout,
        keep_alive: settings.http.keep_alive,
        silence: settings.socket.stall_timeout,
        linger: LINGER,
        shutdown_timeout: settings.http.shutdown_timeout,
    }
}

/// Lets requests finish and sockets send their last frames, for up to `limit`.
async fn close_connections(handle: &ServerHandle, limit: Duration) {
    if timeout(limit, handle.stop(true)).await.is_err() {
        tracing::warn!(
            "cut connections that did not end within {limit:?} (http.shutdown_timeout_ms)"
        );
        handle.stop(false).await;
    }
}

/// Lets the background tasks finish their pending work, for up to `limit`.
async fn finish_tasks(mut tasks: JoinSet<()>, limit: Duration) {
    let all = async {
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(
                    error = with_causes(&error),
                    "a background task failed during shutdown"
                );
            }
        }
    };
    if timeout(limit, all).await.is_err() {
        tracing::warn!(
            "cut background tasks that did not end within {limit:?} (http.shutdown_timeout_ms)"
        );
    }
}

/// SIGTERM and SIGINT.
struct StopSignals([Signal; 2]);

impl StopSignals {
    fn listen() -> anyhow::Result<Self> {
        let on = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self([on(SignalKind::terminate())?, on(SignalKind::interrupt())?]))
    }

    async fn next(&mut self) {
        let [terminate, interrupt] = &mut self.0;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
}
