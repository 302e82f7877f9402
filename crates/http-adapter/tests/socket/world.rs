//! A whole server in this process.

use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{rt, web};
use application::accounts::SessionRules;
use application::ports::{
    AccountStore, Audience, Claims, Clock as _, ConversationStore as _, SnapshotLimit, TokenKind,
    TokenSigner as _,
};
use application::{
    HubTiming, Limits, Node, NodePorts, NodeSettings, PresenceTiming, SecurityLog, Snapshots,
};
use domain::{Account, ConversationId, NameRule, ReplayRule, SessionId, TokenId, UserId};
use http_adapter::{
    AllowedOrigins, Budget, CompatSettings, CompatSockets, ConnectionLimits, ConnectionSettings,
    Fanout, History, Readiness, Reads, SocketServices, SocketSettings, SocketTimeouts, State,
    TrustedProxies, V1Sockets, configure, history_renderer, list_renderer, listen,
};
use memory::{InMemoryChat, InProcessBus, InProcessRosters};
use testkit::{
    FaultyStore, InstantHasher, ManualClock, PlainSigner, SequentialIds, TEST_TIMEOUT, values,
};
use time::macros::offset;
use tokio::sync::watch;

use crate::captured::Log;
use crate::client::Client;

pub(crate) const LOBBY: ConversationId = ConversationId::LOBBY;
pub(crate) const SESSION_TTL: Duration = Duration::from_hours(24);

/// The options of a test server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) settings: SocketSettings,
    pub(crate) compat: CompatSettings,
    pub(crate) presence: PresenceTiming,
    pub(crate) budget: usize,
    pub(crate) workers: usize,
    pub(crate) head_timeout: Duration,
}

impl Options {
    /// The default profile.
    pub(crate) fn default_profile() -> Self {
        let mut options = Self::parity();
        options.compat.history = SnapshotLimit { rows: 500, bytes: 8 << 20 };
        options.compat.heal = true;
        options.presence = PresenceTiming::Coalesced;
        options
    }

    /// The profile that equals the reference.
    pub(crate) fn parity() -> Self {
        let timeouts =
            SocketTimeouts { pong: Duration::from_secs(30), stall: Duration::from_secs(30) };
        let compat = CompatSettings {
            history: SnapshotLimit::ALL,
            utc_offset: offset!(+3),
            heal: false,
            timeouts,
            message_bytes: 256 * 1024,
            body_bytes: 5 << 20,
        };
        let settings = SocketSettings {
            ping_interval: Duration::from_secs(20),
            timeouts,
            queue_soft_bytes: 256 * 1024,
            queue_hard_bytes: 1024 * 1024,
        };
        Self {
            settings,
            compat,
            presence: PresenceTiming::OneByOne,
            budget: 256 << 20,
            workers: 2,
            head_timeout: Duration::from_secs(20),
        }
    }
}

pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) chat: Arc<InMemoryChat>,
    pub(crate) store: Arc<FaultyStore>,
    pub(crate) fanout: Arc<Fanout>,
    pub(crate) services: Arc<SocketServices>,
    pub(crate) compat: CompatSettings,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) clock: Arc<ManualClock>,
    /// The log of its workers.
    pub(crate) log: Log,
    server: ServerHandle,
}

impl Drop for World {
    fn drop(&mut self) {
        drop(self.server.stop(false));
    }
}

impl World {
    pub(crate) fn start(options: Options) -> Self {
        Self::limited(options, Limits::off())
    }

    pub(crate) fn limited(options: Options, limits: Limits) -> Self {
        let clock = Arc::new(ManualClock::default());
        let chat = Arc::new(InMemoryChat::new(clock.clone()));
        let store = Arc::new(FaultyStore::around(chat.clone()));
        let ids = Arc::new(SequentialIds::default());
        let fanout = Arc::new(Fanout::default());
        let bus = Arc::new(InProcessBus::single());
        let timing = HubTiming { sweep: Duration::from_millis(100), ..HubTiming::default() };
        let ports = NodePorts {
            conversations: store.clone(),
            accounts: chat.clone(),
            sessions: chat.clone(),
            inbox: chat.clone(),
            invites: chat.clone(),
            audits: chat.clone(),
            search_index: chat.clone(),
            signer: Arc::new(PlainSigner),
            hasher: Arc::new(InstantHasher::default()),
            clock: clock.clone(),
            ids: ids.clone(),
            bus: bus.clone(),
            rosters: Arc::new(InProcessRosters::single()),
            local_broadcast: fanout.clone(),
        };
        let ttl = Duration::from_mins(30);
        let replay = ReplayRule::Refuse;
        let sessions =
            SessionRules { access_ttl: ttl, refresh_ttl: ttl, session_ttl: SESSION_TTL, replay };
        let node_settings = NodeSettings {
            sessions,
            names: NameRule::Folded,
            hub: timing,
            presence: options.presence,
        };
        let mut node = Node::new(ports, limits, SecurityLog::with_plain_addresses(), node_settings);
        let budget = Budget::new(options.budget);
        let utc_offset = options.compat.utc_offset;
        let histories = node.snapshots(history_renderer(utc_offset, budget.clone()));
        let list = node.snapshots(list_renderer(utc_offset));
        for task in node.take_tasks() {
            rt::spawn(task);
        }
        let services = Arc::new(SocketServices {
            accounts: node.accounts.clone(),
            chat: node.chat.clone(),
            batcher: node.batcher,
            connections: node.connections,
            presence: node.presence,
            ids: ids.clone(),
            budget,
            limits: node.limits,
            settings: options.settings,
        });
        let readiness = Readiness::new(store.clone(), bus);
        let state = State {
            settings: options.compat,
            message_chars: 4_000,
            accounts: node.accounts,
            chat: node.chat,
            list,
            ids,
            readiness,
            budget: services.budget.clone(),
            reads: Reads::default(),
            proxies: TrustedProxies::default(),
            origins: AllowedOrigins::default(),
        };
        let state = web::Data::new(state);
        let (stop, stopping) = watch::channel(false);
        let sockets = (services.clone(), Arc::new(histories));
        let log = Log::default();
        let listening = (log.clone(), stopping);
        let (address, server) = serve(options, sockets, fanout.clone(), state, listening);
        let compat = options.compat;
        Self { address, chat, store, fanout, services, compat, stop, clock, log, server }
    }

    /// Registers a user.
    pub(crate) async fn account(&self, name: &str) -> Account {
        AccountStore::create(&*self.chat, values::new_account(name)).await.unwrap()
    }

    pub(crate) fn token(&self, account: &Account) -> String {
        self.token_for(account, Duration::from_mins(30))
    }

    /// A token with this lifetime.
    pub(crate) fn token_for(&self, account: &Account, life: Duration) -> String {
        let (now, user) = (self.clock.now(), account.id);
        let id = TokenId::of(SessionId::new(u64::MAX), 1);
        let claims = Claims {
            kind: TokenKind::Access,
            expires_at: now.after(life),
            issued_at: now,
            id,
            user,
            username: account.username.clone(),
            audience: Audience::Compat,
        };
        PlainSigner.sign(&claims).unwrap()
    }

    /// Registers a user, connects, and reads until the list of who is online.
    pub(crate) async fn enter(&self, name: &str) -> Client {
        let account = self.account(name).await;
        self.enter_again(&account).await
    }

    /// Connects, and reads until the user is online.
    pub(crate) async fn enter_again(&self, account: &Account) -> Client {
        let mut client = self.connect(&self.token(account)).await;
        let name = account.username.as_str();
        client.wait_online(|online| online.contains(&name)).await;
        client
    }

    /// Connects with a token, valid or not.
    pub(crate) async fn connect(&self, token: &str) -> Client {
        Client::connect(self.address, &format!("/ws/chat/?access_token={token}")).await
    }

    /// Sends a message without a socket.
    pub(crate) async fn post(&self, user: UserId, n: u128, text: &str) {
        let intent = values::send(LOBBY, user, n, text);
        self.services.batcher.submit(vec![intent]).await.pop().unwrap().unwrap();
    }

    /// Every text in the store, in order.
    pub(crate) async fn texts(&self) -> Vec<String> {
        let all = self.chat.newest(LOBBY, SnapshotLimit::ALL).await.unwrap();
        all.messages.iter().map(|message| message.body.as_str().to_owned()).collect()
    }

    /// Waits until these users have so many connections.
    pub(crate) async fn wait_connections(&self, name: &str, count: usize) {
        let name = values::username(name);
        until(|| self.services.presence.connections(&name) == count).await;
    }
}

fn serve(
    options: Options,
    (services, histories): (Arc<SocketServices>, Arc<Snapshots<History>>),
    fanout: Arc<Fanout>,
    state: web::Data<State>,
    (log, stopping): (Log, watch::Receiver<bool>),
) -> (SocketAddr, ServerHandle) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let connections = ConnectionSettings {
        workers: NonZeroUsize::new(options.workers).unwrap(),
        limits: ConnectionLimits::new(10_000, None, TrustedProxies::default()),
        header_timeout: options.head_timeout,
        keep_alive: Duration::from_secs(5),
        silence: Duration::from_secs(30),
        linger: Duration::from_millis(200),
        shutdown_timeout: Duration::from_secs(30),
    };
    let server = listen(listener, connections, move |cfg| {
        cfg.app_data(log.watch());
        cfg.app_data(V1Sockets::start(services.clone(), &fanout, stopping.clone()));
        cfg.app_data(CompatSockets::start(
            services.clone(),
            histories.clone(),
            options.compat,
            &fanout,
            stopping.clone(),
        ));
        configure(cfg, state.clone());
    })
    .unwrap();
    let handle = server.handle();
    rt::spawn(server);
    (address, handle)
}

/// Waits until the condition is true.
pub(crate) async fn until(mut is_true: impl FnMut() -> bool) {
    let waiting = async {
        while !is_true() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(TEST_TIMEOUT, waiting).await.expect("the condition never became true");
}
