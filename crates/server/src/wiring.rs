//! Wires the application: chooses the adapter of each port.

use std::sync::Arc;

use actix_web::web;
use anyhow::Context as _;
use application::accounts::SessionRules;
use application::ports::{Clock, IdSource, PasswordHasher, SnapshotLimit, TokenSigner};
use application::{
    HubTiming, KnownAddresses, LastSeen, Limits, Node, NodePorts, NodeSettings, Presence,
    PresenceTiming, SecurityLog, Snapshots,
};
use credentials::{BcryptCost, BcryptHasher, HashingLimits, JwtSigner, SigningKey};
use domain::{NameRule, ReplayRule};
use http_adapter::{
    AllowedOrigins, Budget, CompatSettings, Fanout, History, Readiness, Reads, SocketServices,
    SocketSettings, SocketTimeouts, State, TrustedProxies,
};
use tokio::task::JoinSet;

use crate::cluster::{Cluster, RandomIds, SystemClock};
use crate::settings::{LogAddresses, Secret, Settings};
use crate::storage::Storage;

pub(crate) fn hasher(settings: &Settings) -> anyhow::Result<Arc<dyn PasswordHasher>> {
    let cost = BcryptCost::new(settings.auth.bcrypt_cost).context("auth.bcrypt_cost")?;
    Ok(Arc::new(BcryptHasher::start(cost, HashingLimits::of_this_machine())?))
}

/// A wired application and its background tasks.
pub(crate) struct RunningChat {
    pub(crate) state: web::Data<State>,
    pub(crate) sockets: Arc<SocketServices>,
    pub(crate) histories: Arc<Snapshots<History>>,
    pub(crate) fanout: Arc<Fanout>,
    pub(crate) presence: Presence,
    pub(crate) last_seen: LastSeen,
    /// Batcher, hub, snapshots, presence and last-seen times. Each task ends once all its handles are dropped.
    pub(crate) tasks: JoinSet<()>,
}

/// Must be called on the main runtime, which outlives all workers.
pub(crate) fn chat(
    settings: &Settings,
    signing_key: &Secret,
    storage: Storage,
) -> anyhow::Result<RunningChat> {
    let Storage {
        conversations,
        accounts,
        sessions,
        inbox,
        invites,
        audits,
        search_index,
        known_addresses,
        ..
    } = storage;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids: Arc<dyn IdSource> = Arc::new(RandomIds);
    let key = SigningKey::new(signing_key.expose().as_bytes());
    let signer: Arc<dyn TokenSigner> = Arc::new(JwtSigner::new(key));
    let hasher = hasher(settings)?;

    let compat = compat_settings(settings);
    let fanout = Arc::new(Fanout::default());
    let mut tasks = JoinSet::new();
    let Cluster { bus, rosters, limiter } = match &settings.bus.redis_url {
        Some(url) => Cluster::over_redis(url, Arc::clone(&clock), &*ids, &mut tasks)?,
        None => Cluster::single_node(Arc::clone(&clock)),
    };
    let secret = signing_key.expose().as_bytes();
    let known = KnownAddresses::new(known_addresses, Arc::clone(&clock), secret);
    let log = match settings.log.addresses {
        LogAddresses::Hashed => SecurityLog::with_hashed_addresses(secret),
        LogAddresses::Plain => SecurityLog::with_plain_addresses(),
    };
    let limits = match settings.limits.rules {
        Some(rules) => Limits::new(limiter, known, rules, log.clone()),
        None => Limits::off(),
    };
    let ports = NodePorts {
        conversations: Arc::clone(&conversations),
        accounts,
        sessions,
        inbox,
        invites,
        audits,
        search_index,
        signer,
        hasher,
        clock,
        ids: Arc::clone(&ids),
        bus: Arc::clone(&bus),
        rosters,
        local_broadcast: Arc::clone(&fanout) as _,
    };
    let mut node = Node::new(ports, limits, log, node_settings(settings));
    let list = node.snapshots(http_adapter::list_renderer(compat.utc_offset));
    let budget = Budget::new(settings.socket.budget_bytes);
    let render = http_adapter::history_renderer(compat.utc_offset, budget.clone());
    let histories = node.snapshots(render);
    for task in node.take_tasks() {
        tasks.spawn(task);
    }
    let sockets = SocketServices {
        accounts: node.accounts.clone(),
        chat: node.chat.clone(),
        batcher: node.batcher,
        connections: node.connections,
        presence: node.presence.clone(),
        ids: Arc::clone(&ids),
        budget: budget.clone(),
        limits: node.limits,
        settings: socket_settings(settings),
    };
    let state = State {
        settings: compat,
        message_chars: settings.limits.message_chars,
        accounts: node.accounts,
        chat: node.chat,
        list,
        ids,
        readiness: Readiness::new(conversations, bus),
        budget,
        reads: Reads::default(),
        proxies: TrustedProxies::new(settings.http.trusted_proxies.clone()),
        origins: AllowedOrigins::new(settings.http.allowed_origins.clone()),
    };
    Ok(RunningChat {
        state: web::Data::new(state),
        sockets: Arc::new(sockets),
        histories: Arc::new(histories),
        fanout,
        presence: node.presence,
        last_seen: node.last_seen,
        tasks,
    })
}

fn node_settings(settings: &Settings) -> NodeSettings {
    let auth = &settings.auth;
    let grace = auth.refresh_grace;
    NodeSettings {
        sessions: SessionRules {
            access_ttl: auth.access_ttl,
            refresh_ttl: auth.refresh_ttl,
            session_ttl: auth.session_ttl,
            replay: if grace.is_zero() { ReplayRule::Refuse } else { ReplayRule::Grace(grace) },
        },
        names: names(settings),
        hub: HubTiming::default(),
        presence: if settings.compat.coalesce {
            PresenceTiming::Coalesced
        } else {
            PresenceTiming::OneByOne
        },
    }
}

/// How names and addresses of accounts are compared.
pub(crate) fn names(settings: &Settings) -> NameRule {
    if settings.auth.exact_names { NameRule::Exact } else { NameRule::Folded }
}

fn compat_settings(settings: &Settings) -> CompatSettings {
    let all = usize::MAX;
    let compat = &settings.compat;
    CompatSettings {
        history: SnapshotLimit {
            rows: compat.history_limit.map_or(all, Into::into),
            bytes: compat.history_bytes.map_or(all, Into::into),
        },
        utc_offset: compat.utc_offset,
        heal: compat.heal,
        timeouts: SocketTimeouts { pong: compat.pong_timeout, stall: compat.stall_timeout },
        message_bytes: settings.limits.message_bytes,
        body_bytes: settings.limits.body_bytes,
    }
}

fn socket_settings(settings: &Settings) -> SocketSettings {
    let socket = &settings.socket;
    SocketSettings {
        ping_interval: socket.ping_interval,
        timeouts: SocketTimeouts { pong: socket.pong_timeout, stall: socket.stall_timeout },
        queue_soft_bytes: socket.queue_soft_bytes,
        queue_hard_bytes: socket.queue_hard_bytes,
    }
}
