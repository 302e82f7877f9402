//! Every use case of accounts, over one store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use application::accounts::{
    AccountPorts, Accounts, ManageAccounts, RegisterCommand, RegisterError, SessionRules,
    SignInCommand, SignInError, TokenPair,
};
use application::ports::{
    AccountStore as _, Audience, BackendError, Claims, Clock as _, PasswordHasher, PresentedToken,
    SessionStore, TokenKind, TokenSigner, Verdict,
};
use application::{
    ClientAddress, Hub, HubTiming, KnownAddresses, LimitRules, Limits, Presence, PresenceTiming,
    SecurityLog,
};
use async_trait::async_trait;
use domain::{
    Account, NameRule, Password, PasswordHash, ReplayRule, SessionId, Timestamp, TokenId, UserId,
};
use memory::{InMemoryChat, InProcessBus, InProcessLimiter, InProcessRosters};
use testkit::values::{email, username};
use testkit::{InstantHasher, ManualClock, PlainSigner, RecordingBroadcast, SequentialIds};

pub(crate) const PASSWORD: &str = "correct horse";
pub(crate) const ACCESS_TTL: Duration = Duration::from_mins(30);
pub(crate) const REFRESH_TTL: Duration = Duration::from_hours(90 * 24);
pub(crate) const SESSION_TTL: Duration = Duration::from_hours(365 * 24);
pub(crate) const GRACE: ReplayRule = ReplayRule::Grace(Duration::from_secs(10));

/// The `jti` of another server, as simplejwt makes it.
pub(crate) const FOREIGN: &str = "0f8fad5bd9cb469fa16570867728950e";

/// Where somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(pub(crate) [u8; 4]);

/// Where everybody is, unless a test says otherwise.
pub(crate) const HOME: Place = Place([192, 0, 2, 1]);

impl Place {
    pub(crate) fn client(self) -> ClientAddress {
        ClientAddress::of(self.0.into())
    }
}

pub(crate) struct World {
    pub(crate) chat: Arc<InMemoryChat>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) hasher: Arc<WatchedHasher>,
    pub(crate) accounts: Accounts,
    pub(crate) manage: ManageAccounts,
    ports: AccountPorts,
    rule: ReplayRule,
    limits: Limits,
}

pub(crate) fn world(rule: ReplayRule) -> World {
    let clock = Arc::<ManualClock>::default();
    world_with(rule, Arc::new(InMemoryChat::new(clock.clone())), clock, Limits::off())
}

/// Where rates are limited.
pub(crate) fn limited_world(rules: LimitRules) -> World {
    let clock = Arc::<ManualClock>::default();
    let chat = Arc::new(InMemoryChat::new(clock.clone()));
    let limits = limits(&chat, &clock, rules);
    world_with(GRACE, chat, clock, limits)
}

fn limits(chat: &Arc<InMemoryChat>, clock: &Arc<ManualClock>, rules: LimitRules) -> Limits {
    let known = KnownAddresses::new(chat.clone(), clock.clone(), b"secret");
    Limits::new(
        Arc::new(InProcessLimiter::new(clock.clone())),
        known,
        rules,
        SecurityLog::with_plain_addresses(),
    )
}

fn world_with(
    rule: ReplayRule,
    chat: Arc<InMemoryChat>,
    clock: Arc<ManualClock>,
    limits: Limits,
) -> World {
    let hasher = Arc::new(WatchedHasher::default());
    let ports = AccountPorts {
        accounts: chat.clone(),
        inbox: chat.clone(),
        sessions: chat.clone(),
        signer: Arc::new(PlainSigner),
        hasher: hasher.clone(),
        clock: clock.clone(),
        ids: Arc::new(SequentialIds::default()),
    };
    World {
        accounts: accounts(ports.clone(), session_rules(rule), limits.clone(), &chat),
        manage: ManageAccounts::new(chat.clone(), hasher.clone(), clock.clone(), NameRule::Folded),
        chat,
        clock,
        hasher,
        ports,
        rule,
        limits,
    }
}

fn session_rules(replay: ReplayRule) -> SessionRules {
    SessionRules {
        access_ttl: ACCESS_TTL,
        refresh_ttl: REFRESH_TTL,
        session_ttl: SESSION_TTL,
        replay,
    }
}

/// Nothing runs its hub: there are no sockets.
fn accounts(
    ports: AccountPorts,
    rules: SessionRules,
    limits: Limits,
    chat: &Arc<InMemoryChat>,
) -> Accounts {
    let (bus, broadcast) = (Arc::new(InProcessBus::single()), Arc::<RecordingBroadcast>::default());
    let timing = HubTiming::default();
    let (hub, _) = Hub::new(chat.clone(), chat.clone(), bus, broadcast.clone(), timing);
    let rosters = Arc::new(InProcessRosters::single());
    let (presence, _) = Presence::new(broadcast, rosters, PresenceTiming::Coalesced);
    Accounts::new(
        ports,
        rules,
        NameRule::Folded,
        limits,
        hub,
        presence,
        SecurityLog::with_plain_addresses(),
    )
}

pub(crate) fn registration(name: &str) -> RegisterCommand {
    let address = email(&format!("{name}@example.com"));
    let password = Password::parse(PASSWORD).unwrap();
    let email = address;
    RegisterCommand {
        username: username(name),
        email,
        password,
        address: HOME.client(),
        audience: Audience::Compat,
    }
}

fn command(name: &str, password: &str, address: ClientAddress) -> SignInCommand {
    SignInCommand {
        username: name.into(),
        password: Password::claimed(password),
        address,
        audience: Audience::Compat,
    }
}

impl World {
    /// The same chat after a start anew: what was counted in memory is gone.
    pub(crate) fn restarted(&self, rules: LimitRules) -> Self {
        let (chat, clock) = (self.chat.clone(), self.clock.clone());
        let limits = limits(&chat, &clock, rules);
        world_with(GRACE, chat, clock, limits)
    }

    pub(crate) async fn register(&self, name: &str) -> Result<TokenPair, RegisterError> {
        self.accounts.register(registration(name)).await
    }

    pub(crate) fn with_sessions_in(&self, sessions: Arc<dyn SessionStore>) -> Accounts {
        self.over(AccountPorts { sessions, ..self.ports.clone() })
    }

    pub(crate) fn with_signer(&self, signer: Arc<dyn TokenSigner>) -> Accounts {
        self.over(AccountPorts { signer, ..self.ports.clone() })
    }

    /// The same chat after its setting was changed.
    pub(crate) fn with_session_ttl(&self, session_ttl: Duration) -> Accounts {
        let rules = SessionRules { session_ttl, ..session_rules(self.rule) };
        accounts(self.ports.clone(), rules, self.limits.clone(), &self.chat)
    }

    fn over(&self, ports: AccountPorts) -> Accounts {
        accounts(ports, session_rules(self.rule), self.limits.clone(), &self.chat)
    }

    pub(crate) async fn sign_in(
        &self,
        name: &str,
        password: &str,
    ) -> Result<TokenPair, SignInError> {
        self.sign_in_at(HOME, name, password).await
    }

    pub(crate) async fn sign_in_at(
        &self,
        place: Place,
        name: &str,
        password: &str,
    ) -> Result<TokenPair, SignInError> {
        let address = place.client();
        self.accounts.sign_in(command(name, password, address)).await
    }

    pub(crate) async fn sign_in_with(
        &self,
        hasher: Arc<dyn PasswordHasher>,
        name: &str,
        password: &str,
    ) -> Result<TokenPair, SignInError> {
        let accounts = self.over(AccountPorts { hasher, ..self.ports.clone() });
        accounts.sign_in(command(name, password, HOME.client())).await
    }

    pub(crate) async fn account(&self, name: &str) -> Account {
        self.chat.by_username(name).await.unwrap().unwrap().account
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn read(&self, token: &str) -> PresentedToken {
        PlainSigner.read(token, self.now()).unwrap()
    }

    pub(crate) fn session(&self, token: &str) -> SessionId {
        self.read(token).id.unwrap().session().unwrap()
    }

    /// A well-signed token of another server, issued now.
    pub(crate) fn foreign(&self, kind: TokenKind, user: UserId) -> String {
        let claims = Claims {
            kind,
            expires_at: self.now().after(REFRESH_TTL),
            issued_at: self.now(),
            id: TokenId::parse(FOREIGN).unwrap(),
            user,
            username: username("somebody"),
            audience: Audience::Compat,
        };
        PlainSigner.sign(&claims).unwrap()
    }
}

/// Counts what it is asked, and can fail.
#[derive(Default)]
pub(crate) struct WatchedHasher {
    inner: InstantHasher,
    compared: AtomicUsize,
    compared_with_nothing: AtomicUsize,
    refuses_to_hash: AtomicBool,
}

impl WatchedHasher {
    pub(crate) fn compared(&self) -> usize {
        self.compared.load(Ordering::SeqCst)
    }

    /// The comparisons of which no hash could have been the result.
    pub(crate) fn compared_with_nothing(&self) -> usize {
        self.compared_with_nothing.load(Ordering::SeqCst)
    }

    pub(crate) fn refuse_to_hash(&self) {
        self.refuses_to_hash.store(true, Ordering::SeqCst);
    }
}

#[async_trait]
impl PasswordHasher for WatchedHasher {
    async fn hash(&self, password: Password) -> Result<PasswordHash, BackendError> {
        if self.refuses_to_hash.load(Ordering::SeqCst) {
            return Err(BackendError::new("hash a password", "on purpose"));
        }
        self.inner.hash(password).await
    }

    async fn verify(
        &self,
        password: Password,
        hash: Option<PasswordHash>,
    ) -> Result<Verdict, BackendError> {
        self.compared.fetch_add(1, Ordering::SeqCst);
        self.compared_with_nothing.fetch_add(usize::from(hash.is_none()), Ordering::SeqCst);
        self.inner.verify(password, hash).await
    }
}
