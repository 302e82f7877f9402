//! A server without sockets and network, on adapters in memory.

use std::sync::Arc;
use std::time::Duration;

use actix_web::body::to_bytes;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::http::{Method, StatusCode};
use actix_web::test::{TestRequest, init_service, try_call_service};
use actix_web::{App, web};
use application::accounts::SessionRules;
use application::ports::{
    AccountStore as _, Audience, Claims, Clock as _, PasswordHasher, SnapshotLimit, TokenKind,
    TokenSigner as _,
};
use application::{
    HubTiming, KnownAddresses, LimitRules, Limits, Node, NodePorts, NodeSettings, Presence,
    PresenceTiming, SecurityLog,
};
use domain::{NameRule, ReplayRule, SessionId, TokenId};
use http_adapter::{
    AllowedOrigins, Budget, CompatSettings, Readiness, Reads, SocketTimeouts, State,
    TrustedProxies, configure, list_renderer,
};
use memory::{InMemoryChat, InProcessBus, InProcessLimiter, InProcessRosters};
use serde_json::{Value, json};
use testkit::{
    FaultyStore, InstantHasher, ManualClock, PlainSigner, RecordingBroadcast, SequentialIds, values,
};
use time::macros::offset;

pub(crate) const REGISTER: &str = "/accounts/api/register/";
pub(crate) const LOGIN: &str = "/accounts/api/token/";
pub(crate) const REFRESH: &str = "/accounts/api/token/refresh/";
pub(crate) const VERIFY: &str = "/accounts/api/verify/";
pub(crate) const MESSAGES: &str = "/chat/api/messages/";

/// The origin that may use v1.
pub(crate) const ORIGIN: &str = "https://chat.example.com";

/// The network of the trusted proxy.
pub(crate) const PROXY: &str = "10.0.0.0/8";

pub(crate) const MESSAGE_BYTES: usize = 100_000;
pub(crate) const BODY_BYTES: usize = 200_000;

pub(crate) struct World {
    pub(crate) state: web::Data<State>,
    pub(crate) chat: Arc<InMemoryChat>,
    pub(crate) store: Arc<FaultyStore>,
    pub(crate) presence: Presence,
}

/// A registered user.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) id: i64,
    pub(crate) access: String,
    /// The access token for v1.
    pub(crate) v1: String,
    pub(crate) refresh: String,
}

#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::hashing_with(Arc::new(InstantHasher::default()))
    }

    pub(crate) fn hashing_with(hasher: Arc<dyn PasswordHasher>) -> Self {
        let (clock, off) = (Arc::default(), |_: &_| Limits::off());
        Self::over(&clock, hasher, off, TrustedProxies::default())
    }

    /// With limited rates and a trusted proxy at [`PROXY`].
    pub(crate) fn limited(clock: &Arc<ManualClock>, rules: LimitRules) -> Self {
        let proxies = TrustedProxies::new(vec![PROXY.parse().unwrap()]);
        let limiter = Arc::new(InProcessLimiter::new(clock.clone()));
        let hasher = Arc::new(InstantHasher::default());
        let limits = |chat: &Arc<InMemoryChat>| {
            let known = KnownAddresses::new(chat.clone(), clock.clone(), b"secret");
            Limits::new(limiter, known, rules, SecurityLog::with_plain_addresses())
        };
        Self::over(clock, hasher, limits, proxies)
    }

    fn over(
        clock: &Arc<ManualClock>,
        hasher: Arc<dyn PasswordHasher>,
        limits: impl FnOnce(&Arc<InMemoryChat>) -> Limits,
        proxies: TrustedProxies,
    ) -> Self {
        let chat = Arc::new(InMemoryChat::new(clock.clone()));
        let limits = limits(&chat);
        let store = Arc::new(FaultyStore::around(chat.clone()));
        let ids = Arc::new(SequentialIds::default());

        let bus = Arc::new(InProcessBus::single());
        let ports = NodePorts {
            conversations: store.clone(),
            accounts: chat.clone(),
            sessions: chat.clone(),
            inbox: chat.clone(),
            invites: chat.clone(),
            audits: chat.clone(),
            search_index: chat.clone(),
            signer: Arc::new(PlainSigner),
            hasher,
            clock: clock.clone(),
            ids: ids.clone(),
            bus: bus.clone(),
            rosters: Arc::new(InProcessRosters::single()),
            local_broadcast: Arc::new(RecordingBroadcast::default()),
        };
        let sessions = SessionRules {
            access_ttl: Duration::from_mins(30),
            refresh_ttl: Duration::from_hours(90 * 24),
            session_ttl: Duration::from_hours(365 * 24),
            replay: ReplayRule::Refuse,
        };
        let (hub, presence) = (HubTiming::default(), PresenceTiming::Coalesced);
        let names = NameRule::Folded;
        let mut node = Node::new(
            ports,
            limits,
            SecurityLog::with_plain_addresses(),
            NodeSettings { sessions, names, hub, presence },
        );
        let utc_offset = offset!(+3);
        let list = node.snapshots(list_renderer(utc_offset));
        for task in node.take_tasks() {
            actix_web::rt::spawn(task);
        }
        let presence = node.presence;

        let state = State {
            settings: CompatSettings {
                history: SnapshotLimit { rows: 5, bytes: 1_000_000 },
                utc_offset,
                heal: false,
                timeouts: SocketTimeouts { pong: Duration::MAX, stall: Duration::MAX },
                message_bytes: MESSAGE_BYTES,
                body_bytes: BODY_BYTES,
            },
            message_chars: 4_000,
            accounts: node.accounts,
            chat: node.chat,
            list,
            ids,
            readiness: Readiness::new(store.clone(), bus),
            budget: Budget::new(usize::MAX),
            reads: Reads::default(),
            proxies,
            origins: AllowedOrigins::new([ORIGIN.to_owned()]),
        };
        Self { state: web::Data::new(state), chat, store, presence }
    }

    pub(crate) async fn send(&self, request: TestRequest) -> Answer {
        let state = self.state.clone();
        let app = init_service(App::new().configure(|cfg| configure(cfg, state))).await;
        let response = match try_call_service(&app, request.to_request()).await {
            Ok(response) => response.into_parts().1.map_into_boxed_body(),
            // The server sends errors as responses, too.
            Err(error) => error.error_response(),
        };
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = to_bytes(response.into_body()).await.map_err(drop).unwrap();
        Answer { status, headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(TestRequest::get().uri(path)).await
    }

    pub(crate) async fn json(
        &self,
        method: Method,
        path: &str,
        user: Option<&User>,
        body: &Value,
    ) -> Answer {
        let request = TestRequest::with_uri(path).method(method).set_json(body);
        self.send(signed_for(path, request, user)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.json(Method::POST, path, None, body).await
    }

    pub(crate) async fn user(&self, name: &str) -> User {
        let answer = self.post(REGISTER, &signup(name)).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        let id = self.chat.by_username(name).await.unwrap().unwrap().account.id.get();
        let token = |name: &str| answer.value()[name].as_str().unwrap().to_owned();
        let access = token("access");
        User { id, v1: PlainSigner::for_v1(&access), access, refresh: token("refresh") }
    }

    /// A user with a token that another server issued so long after the accounts were made.
    pub(crate) async fn foreign(&self, name: &str, seconds: i64) -> User {
        let account = self.chat.by_username(name).await.unwrap().unwrap().account;
        let claims = Claims {
            kind: TokenKind::Access,
            expires_at: values::at(i64::from(u32::MAX)),
            issued_at: values::at(ManualClock::default().now().seconds() + seconds),
            id: TokenId::of(SessionId::new(u64::MAX), 1),
            user: account.id,
            username: account.username,
            audience: Audience::Compat,
        };
        let access = PlainSigner.sign(&claims).unwrap();
        let v1 = PlainSigner.sign(&Claims { audience: Audience::V1, ..claims }).unwrap();
        User { id: account.id.get(), access, v1, refresh: String::new() }
    }

    /// Creates a message of this user.
    pub(crate) async fn message(&self, user: &User, content: &str) -> Value {
        let body = json!({"content": content, "author": user.id});
        let answer = self.json(Method::POST, MESSAGES, Some(user), &body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.value()
    }

    pub(crate) async fn request(&self, method: Method, path: &str, user: Option<&User>) -> Answer {
        self.send(signed_for(path, TestRequest::with_uri(path).method(method), user)).await
    }
}

/// With the token for the API of the path.
pub(crate) fn signed_for(path: &str, request: TestRequest, user: Option<&User>) -> TestRequest {
    if path.starts_with("/api/v1") { signed_v1(request, user) } else { signed(request, user) }
}

pub(crate) fn signed_v1(request: TestRequest, user: Option<&User>) -> TestRequest {
    match user {
        Some(user) => request.insert_header((AUTHORIZATION, format!("Bearer {}", user.v1))),
        None => request,
    }
}

pub(crate) fn signed(request: TestRequest, user: Option<&User>) -> TestRequest {
    match user {
        Some(user) => request.insert_header((AUTHORIZATION, format!("Bearer {}", user.access))),
        None => request,
    }
}

pub(crate) fn signup(name: &str) -> Value {
    json!({"username": name, "email": format!("{name}@example.com"), "password": "s3cret"})
}

pub(crate) fn detail(message: &Value) -> String {
    format!("{MESSAGES}{}/", message["id"])
}

impl Answer {
    pub(crate) fn value(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    #[track_caller]
    pub(crate) fn expect(&self, status: StatusCode, body: &Value) {
        assert_eq!(self.status, status.as_u16(), "{}", self.body);
        assert_eq!(self.value(), *body);
    }
}
