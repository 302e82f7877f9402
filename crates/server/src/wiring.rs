//! Wires the application: which adapter implements which port.

use std::sync::Arc;

use actix_web::web;
use anyhow::Context as _;
use application::accounts::{
    Authenticate, ChangePassword, EditProfile, FindAccount, FindUsers, ListSessions, Refresh,
    Register, SignIn, SignOut, TokenPairs, TokenTimes, VerifyToken,
};
use application::ports::{
    AccountStore, Clock, IdSource, PasswordHasher, SessionStore, SnapshotLimit, TokenSigner,
};
use application::{
    Batcher, Chat, ChatPorts, Connections, Hub, HubTiming, KnownAddresses, LastSeen, Limits,
    Presence, PresenceTiming, Snapshots,
};
use credentials::{BcryptCost, BcryptHasher, HashingLimits, JwtSigner, SigningKey};
use domain::ReplayRule;
use http_adapter::{
    Accounts, AllowedOrigins, Budget, CompatSettings, CompatSocketSettings, Fanout, History,
    Readiness, SocketServices, SocketSettings, State, TrustedProxies, V1Settings,
};
use tokio::task::JoinSet;

use crate::cluster::{Cluster, RandomIds, SystemClock};
use crate::settings::{Secret, Settings};
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
    pub(crate) compat_sockets: CompatSocketSettings,
    pub(crate) fanout: Arc<Fanout>,
    pub(crate) readiness: Readiness,
    pub(crate) presence: Presence,
    pub(crate) last_seen: LastSeen,
    /// Batcher, hub, snapshots, presence and last-seen times. Each task ends once every handle to it is dropped.
    pub(crate) tasks: JoinSet<()>,
}

/// Call it on the main runtime, which outlives all workers.
pub(crate) fn chat(
    settings: &Settings,
    signing_key: &Secret,
    storage: Storage,
) -> anyhow::Result<RunningChat> {
    let Storage {
        conversations, accounts, sessions, inbox, invites, audits, known_addresses, ..
    } = storage;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids: Arc<dyn IdSource> = Arc::new(RandomIds);
    let key = SigningKey::new(signing_key.expose().as_bytes());
    let signer: Arc<dyn TokenSigner> = Arc::new(JwtSigner::new(key));
    let hasher = hasher(settings)?;

    let compat = compat_settings(settings);
    let fanout = Arc::new(Fanout::new());
    let mut tasks = JoinSet::new();
    let Cluster { bus, rosters, limiter } = match &settings.bus.redis_url {
        Some(url) => Cluster::over_redis(url, Arc::clone(&clock), &*ids, &mut tasks)?,
        None => Cluster::single_node(Arc::clone(&clock)),
    };
    let (hub, task) = Hub::new(
        Arc::clone(&conversations),
        Arc::clone(&accounts),
        Arc::clone(&bus),
        Arc::clone(&fanout) as _,
        HubTiming::default(),
    );
    tasks.spawn(task.run());
    let (batcher, task) = Batcher::new(Arc::clone(&conversations), hub.clone(), Arc::clone(&bus));
    tasks.spawn(task.run());
    let (list, task) =
        Snapshots::new(Arc::clone(&conversations), http_adapter::list_renderer(compat.utc_offset));
    tasks.spawn(task.run());
    let budget = Budget::new(settings.socket.budget_bytes);
    let render = http_adapter::history_renderer(compat.utc_offset, budget.clone());
    let (histories, task) = Snapshots::new(Arc::clone(&conversations), render);
    tasks.spawn(task.run());
    let (presence, task) =
        Presence::new(Arc::clone(&fanout) as _, rosters, presence_timing(settings));
    tasks.spawn(task.run());

    let (last_seen, task) = LastSeen::new(Arc::clone(&accounts), Arc::clone(&clock));
    tasks.spawn(task.run());

    let secret = signing_key.expose().as_bytes();
    let known = KnownAddresses::new(known_addresses, Arc::clone(&clock), secret);
    let limits =
        settings.limits.rules.map_or_else(Limits::off, |rules| Limits::new(limiter, known, rules));
    let ports = ChatPorts {
        conversations: Arc::clone(&conversations),
        inbox,
        invites,
        audits,
        accounts: Arc::clone(&accounts),
        clock: Arc::clone(&clock),
        ids: Arc::clone(&ids),
    };
    let chat = Chat::new(ports, batcher.clone(), hub.clone(), limits.clone());
    let ports = AccountPorts {
        accounts,
        sessions,
        signer,
        hasher,
        clock,
        ids: Arc::clone(&ids),
        limits: limits.clone(),
        hub: hub.clone(),
        presence: presence.clone(),
    };
    let accounts = ports.use_cases(settings);
    let readiness = Readiness::new(conversations, bus);
    let sockets = SocketServices {
        authenticate: accounts.authenticate.clone(),
        chat: chat.clone(),
        batcher,
        connections: Connections::new(hub, presence.clone(), last_seen.clone()),
        presence: presence.clone(),
        ids: Arc::clone(&ids),
        budget: budget.clone(),
        limits,
        settings: socket_settings(settings),
    };
    let compat_sockets = compat_socket_settings(settings, &compat);
    let state = State {
        settings: compat,
        v1: V1Settings { message_chars: settings.limits.message_chars },
        accounts,
        chat,
        list,
        ids,
        readiness: readiness.clone(),
        budget,
        proxies: TrustedProxies::new(settings.http.trusted_proxies.clone()),
        origins: AllowedOrigins::new(settings.http.allowed_origins.clone()),
    };
    Ok(RunningChat {
        state: web::Data::new(state),
        sockets: Arc::new(sockets),
        histories: Arc::new(histories),
        compat_sockets,
        fanout,
        readiness,
        presence,
        last_seen,
        tasks,
    })
}

struct AccountPorts {
    accounts: Arc<dyn AccountStore>,
    sessions: Arc<dyn SessionStore>,
    signer: Arc<dyn TokenSigner>,
    hasher: Arc<dyn PasswordHasher>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    limits: Limits,
    hub: Hub,
    presence: Presence,
}

impl AccountPorts {
    fn use_cases(self, settings: &Settings) -> Accounts {
        let Self { accounts, sessions, signer, hasher, clock, ids, limits, hub, presence } = self;
        let auth = &settings.auth;
        let times = TokenTimes { access_ttl: auth.access_ttl, refresh_ttl: auth.refresh_ttl };
        let tokens = TokenPairs::new(Arc::clone(&sessions), Arc::clone(&signer), ids, times);
        let sign_in = SignIn::new(
            Arc::clone(&accounts),
            Arc::clone(&hasher),
            tokens.clone(),
            Arc::clone(&clock),
            limits.clone(),
        );
        Accounts {
            authenticate: Authenticate::new(
                Arc::clone(&accounts),
                Arc::clone(&signer),
                Arc::clone(&clock),
            ),
            register: Register::new(
                Arc::clone(&accounts),
                Arc::clone(&hasher),
                tokens.clone(),
                Arc::clone(&clock),
                limits.clone(),
            ),
            refresh: Refresh::new(
                Arc::clone(&sessions),
                Arc::clone(&signer),
                tokens,
                Arc::clone(&clock),
                replay_rule(settings),
            ),
            people: FindUsers::new(Arc::clone(&accounts), presence),
            sessions: ListSessions::new(Arc::clone(&sessions), Arc::clone(&clock)),
            sign_out: SignOut::new(Arc::clone(&sessions), hub.clone()),
            change_password: ChangePassword::new(
                Arc::clone(&accounts),
                hasher,
                sign_in.clone(),
                hub.clone(),
            ),
            edit_profile: EditProfile::new(Arc::clone(&accounts), hub, limits),
            sign_in,
            verify: VerifyToken::new(Arc::clone(&accounts), sessions, signer, clock),
            find: FindAccount::new(accounts),
        }
    }
}

fn replay_rule(settings: &Settings) -> ReplayRule {
    let grace = settings.auth.refresh_grace;
    if grace.is_zero() { ReplayRule::Refuse } else { ReplayRule::Grace(grace) }
}

fn presence_timing(settings: &Settings) -> PresenceTiming {
    if settings.compat.coalesce { PresenceTiming::Coalesced } else { PresenceTiming::OneByOne }
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
        message_bytes: settings.limits.message_bytes,
        body_bytes: settings.limits.body_bytes,
    }
}

fn compat_socket_settings(settings: &Settings, compat: &CompatSettings) -> CompatSocketSettings {
    CompatSocketSettings {
        history: compat.history,
        utc_offset: compat.utc_offset,
        heal: settings.compat.heal,
        message_bytes: compat.message_bytes,
    }
}

fn socket_settings(settings: &Settings) -> SocketSettings {
    let socket = &settings.socket;
    SocketSettings {
        ping_interval: socket.ping_interval,
        pong_timeout: socket.pong_timeout,
        stall_timeout: socket.stall_timeout,
        queue_soft_bytes: socket.queue_soft_bytes,
        queue_hard_bytes: socket.queue_hard_bytes,
    }
}
