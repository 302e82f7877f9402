//! Every use case of accounts, over one store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use application::accounts::{
    Authenticate, ManageAccounts, Refresh, Register, RegisterCommand, RegisterError, SignIn,
    SignInCommand, SignInError, TokenPair, TokenPairs, TokenTimes, VerifyToken,
};
use application::ports::{
    AccountStore, BackendError, Claims, Clock, PasswordHasher, PresentedToken, SessionStore,
    TokenKind, TokenSigner, Verdict,
};
use application::{ClientAddress, KnownAddresses, LimitRules, Limits};
use async_trait::async_trait;
use domain::{Account, Password, PasswordHash, ReplayRule, SessionId, Timestamp, TokenId, UserId};
use memory::{InMemoryChat, InProcessLimiter};
use testkit::values::{email, username};
use testkit::{InstantHasher, ManualClock, PlainSigner, SequentialIds};

pub(crate) const PASSWORD: &str = "correct horse";
pub(crate) const ACCESS_TTL: Duration = Duration::from_mins(30);
pub(crate) const REFRESH_TTL: Duration = Duration::from_hours(90 * 24);
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
    pub(crate) authenticate: Authenticate,
    pub(crate) register: Register,
    tokens: TokenPairs,
    pub(crate) refresh: Refresh,
    pub(crate) verify: VerifyToken,
    pub(crate) manage: ManageAccounts,
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
    Limits::new(Arc::new(InProcessLimiter::new(clock.clone())), known, rules)
}

fn world_with(
    rule: ReplayRule,
    chat: Arc<InMemoryChat>,
    clock: Arc<ManualClock>,
    limits: Limits,
) -> World {
    let hasher = Arc::new(WatchedHasher::default());
    let accounts: Arc<dyn AccountStore> = chat.clone();
    let sessions: Arc<dyn SessionStore> = chat.clone();
    let signer = Arc::new(PlainSigner);
    let tokens = token_pairs(sessions.clone());
    World {
        authenticate: Authenticate::new(accounts.clone(), signer.clone(), clock.clone()),
        register: Register::new(
            accounts.clone(),
            hasher.clone(),
            tokens.clone(),
            clock.clone(),
            limits.clone(),
        ),
        refresh: Refresh::new(
            sessions.clone(),
            signer.clone(),
            tokens.clone(),
            clock.clone(),
            rule,
        ),
        verify: VerifyToken::new(accounts.clone(), sessions, signer, clock.clone()),
        manage: ManageAccounts::new(accounts, hasher.clone()),
        chat,
        clock,
        hasher,
        tokens,
        limits,
    }
}

fn token_pairs(sessions: Arc<dyn SessionStore>) -> TokenPairs {
    let times = TokenTimes { access_ttl: ACCESS_TTL, refresh_ttl: REFRESH_TTL };
    TokenPairs::new(sessions, Arc::new(PlainSigner), Arc::new(SequentialIds::default()), times)
}

pub(crate) fn registration(name: &str) -> RegisterCommand {
    let address = email(&format!("{name}@example.com"));
    let password = Password::parse(PASSWORD).unwrap();
    let email = address;
    RegisterCommand { username: username(name), email, password, address: HOME.client() }
}

fn command(name: &str, password: &str, address: ClientAddress) -> SignInCommand {
    SignInCommand { username: name.into(), password: Password::claimed(password), address }
}

impl World {
    /// The same chat after a start anew: what was counted in memory is gone.
    pub(crate) fn restarted(&self, rules: LimitRules) -> Self {
        let (chat, clock) = (self.chat.clone(), self.clock.clone());
        let limits = limits(&chat, &clock, rules);
        world_with(GRACE, chat, clock, limits)
    }

    pub(crate) async fn register(&self, name: &str) -> Result<TokenPair, RegisterError> {
        self.register.execute(registration(name)).await
    }

    pub(crate) fn register_with_sessions_in(&self, sessions: Arc<dyn SessionStore>) -> Register {
        let (chat, hasher, clock) = (self.chat.clone(), self.hasher.clone(), self.clock.clone());
        Register::new(chat, hasher, token_pairs(sessions), clock, self.limits.clone())
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
        self.signing_in(self.hasher.clone(), command(name, password, address)).await
    }

    pub(crate) async fn sign_in_with(
        &self,
        hasher: Arc<dyn PasswordHasher>,
        name: &str,
        password: &str,
    ) -> Result<TokenPair, SignInError> {
        self.signing_in(hasher, command(name, password, HOME.client())).await
    }

    async fn signing_in(
        &self,
        hasher: Arc<dyn PasswordHasher>,
        command: SignInCommand,
    ) -> Result<TokenPair, SignInError> {
        let (chat, tokens, clock) = (self.chat.clone(), self.tokens.clone(), self.clock.clone());
        SignIn::new(chat, hasher, tokens, clock, self.limits.clone()).execute(command).await
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
        };
        PlainSigner.sign(&claims).unwrap()
    }
}

/// Counts what it is asked, and can fail.
#[derive(Default)]
pub(crate) struct WatchedHasher {
    inner: InstantHasher,
    compared: AtomicUsize,
    refuses_to_hash: AtomicBool,
}

impl WatchedHasher {
    pub(crate) fn compared(&self) -> usize {
        self.compared.load(Ordering::SeqCst)
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
        self.inner.verify(password, hash).await
    }
}
