//! Sessions, signing out and changing the password.

use std::sync::Arc;

use actix_web::test::TestRequest;
use application::LimitRules;
use application::ports::{AccountStore as _, Backoff};
use domain::UserId;
use serde_json::{Value, json};
use testkit::{ManualClock, values};

use crate::client::Client;
use crate::world::{User, World};

impl<'a> Client<'a> {
    /// Signs in again.
    async fn again(&self, name: &str) -> Client<'a> {
        let credentials = json!({"username": name, "password": "s3cret"});
        let pair = self.world.post("/api/v1/sessions", &credentials).await.is(201);
        self.with(&pair)
    }

    /// The same user with other tokens.
    fn with(&self, pair: &Value) -> Client<'a> {
        let text = |name: &str| pair[name].as_str().unwrap().to_owned();
        let (access, refresh) = (self.user.access.clone(), text("refresh"));
        let user = User { id: self.id(), access, v1: text("access"), refresh };
        Client { world: self.world, user }
    }

    async fn session(&self) -> String {
        let listed = self.get("/sessions").await.is(200);
        let mut own = listed["items"].as_array().unwrap().iter();
        own.find(|item| item["current"] == true).unwrap()["id"].as_str().unwrap().to_owned()
    }

    async fn is_signed_in(&self) -> bool {
        self.get("/me").await.status == 200
    }

    async fn refresh(&self) -> u16 {
        let body = json!({"refresh": self.user.refresh});
        self.world.post("/api/v1/sessions/refresh", &body).await.status
    }
}

#[actix_web::test]
async fn sessions_are_listed_in_pages() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let other = ann.again("ann").await;
    Client::new(&world, "bob").await;

    let all = ann.get("/sessions").await.is(200);
    let first = ann.get("/sessions?limit=1").await.is(200);
    let next = first["next"].as_str().unwrap();
    let second = ann.get(&format!("/sessions?limit=1&before={next}")).await.is(200);

    let items = all["items"].as_array().unwrap();
    assert_eq!((items.len(), &all["next"]), (2, &Value::Null));
    let fields: Vec<_> = items[0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, ["current", "expires_at", "id", "opened_at", "used_at"]);
    let current = items.iter().filter(|item| item["current"] == true).count();
    assert_eq!(current, 1);
    assert_ne!(ann.session().await, other.session().await);
    assert_eq!(ann.session().await.len(), 16);
    assert_eq!(json!([first["items"][0], second["items"][0]]), all["items"]);
}

#[actix_web::test]
async fn users_end_only_their_own_sessions() {
    let world = World::new();
    let (ann, bob) = (Client::new(&world, "ann").await, Client::new(&world, "bob").await);
    let other = ann.again("ann").await;
    let (session, foreign) = (other.session().await, bob.session().await);

    assert_eq!(ann.delete(&format!("/sessions/{session}")).await.status, 204);

    assert!(!other.is_signed_in().await && ann.is_signed_in().await);
    assert_eq!(other.refresh().await, 401);
    let unknown = [
        session,
        foreign,
        "0000000000000000".to_owned(),
        "1".to_owned(),
        "FFFFFFFFFFFFFFFF".to_owned(),
        "+00000000000000f".to_owned(),
    ];
    for id in unknown {
        assert_eq!(ann.delete(&format!("/sessions/{id}")).await.problem(), "not-found", "{id}");
    }
    assert!(bob.is_signed_in().await);
    assert_eq!(ann.refresh().await, 200);
}

#[actix_web::test]
async fn a_foreign_token_from_before_the_account_is_refused() {
    let world = World::new();
    Client::new(&world, "ann").await;

    for (seconds, is_signed_in) in [(-1, false), (0, true)] {
        let foreign = Client { world: &world, user: world.foreign("ann", seconds).await };
        assert_eq!(foreign.is_signed_in().await, is_signed_in, "{seconds} s");
    }
}

#[actix_web::test]
async fn ending_all_sessions_ends_every_token() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let other = ann.again("ann").await;
    let foreign = Client { world: &world, user: world.foreign("ann", 0).await };
    assert!(foreign.is_signed_in().await);
    let bob = Client::new(&world, "bob").await;

    assert_eq!(ann.delete("/sessions").await.status, 204);

    for client in [&ann, &other, &foreign] {
        assert_eq!(client.get("/me").await.problem(), "unauthenticated");
    }
    assert_eq!((ann.refresh().await, other.refresh().await), (401, 401));
    assert!(bob.is_signed_in().await);
    assert!(ann.again("ann").await.is_signed_in().await, "signing in again works at once");
}

#[actix_web::test]
async fn enabling_a_disabled_account_revives_no_token() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let foreign = Client { world: &world, user: world.foreign("ann", 0).await };
    let user = UserId::new(ann.id());

    world.chat.set_active(user, false).await.unwrap();
    world.chat.set_active(user, true).await.unwrap();

    for client in [&ann, &foreign] {
        assert_eq!(client.get("/me").await.problem(), "unauthenticated");
    }
    assert_eq!(ann.refresh().await, 401);
    assert!(ann.again("ann").await.is_signed_in().await);
}

#[actix_web::test]
async fn a_new_password_ends_all_other_sessions() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let other = ann.again("ann").await;

    let body = json!({"current": "s3cret", "new": "battery staple"});
    let pair = ann.put("/me/password", &body).await.is(200);

    let now = ann.with(&pair);
    assert!(now.is_signed_in().await && !ann.is_signed_in().await && !other.is_signed_in().await);
    assert_eq!((now.refresh().await, other.refresh().await), (200, 401));
    let sign_in = async |password: &str| {
        let credentials = json!({"username": "ann", "password": password});
        world.post("/api/v1/sessions", &credentials).await.status
    };
    assert_eq!((sign_in("s3cret").await, sign_in("battery staple").await), (401, 201));
}

#[actix_web::test]
async fn invalid_passwords_are_reported_by_field_and_rule() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let cases = [
        (json!({"current": "wrong", "new": "battery staple"}), "current", "password"),
        (json!({"current": "s3cret", "new": "x"}), "new", "min_length"),
        (json!({"current": "s3cret", "new": "battery\u{0}staple"}), "new", "nul"),
        (json!({"current": "s3cret"}), "new", "required"),
    ];

    for (body, field, rule) in cases {
        let answer = ann.put("/me/password", &body).await;

        assert_eq!((answer.status, answer.problem().as_str()), (400, "invalid-request"));
        assert_eq!(answer.errors(), [(field.to_owned(), rule.to_owned())], "{}", answer.body);
    }
    assert!(ann.is_signed_in().await);
    assert_eq!(ann.refresh().await, 200);
}

#[actix_web::test]
async fn wrong_current_passwords_count_as_failed_sign_ins() {
    let clock = Arc::<ManualClock>::default();
    let wide = values::wide_limits();
    let failed_sign_ins = Backoff { free: 2, ..wide.failed_sign_ins };
    let world = World::limited(&clock, LimitRules { failed_sign_ins, ..wide });
    let ann = Client::new(&world, "ann").await;
    let guess = json!({"current": "wrong", "new": "battery staple"});

    for _ in 0..2 {
        assert_eq!(ann.put("/me/password", &guess).await.status, 400);
    }
    let right = json!({"current": "s3cret", "new": "battery staple"});
    let answer = ann.put("/me/password", &right).await;

    assert_eq!((answer.status, answer.problem().as_str()), (429, "too-many-requests"));
    let credentials = json!({"username": "ann", "password": "s3cret"});
    assert_eq!(world.post("/api/v1/sessions", &credentials).await.status, 429);
    let hash = world.chat.by_username("ann").await.unwrap().unwrap().password;
    assert!(hash.as_str().ends_with("s3cret"), "it was set");
}

/// A refresh token serves both.
#[actix_web::test]
async fn each_api_refuses_the_access_tokens_of_the_other() {
    let world = World::new();
    let ann = world.user("ann").await;
    let renewed = world.post("/api/v1/sessions/refresh", &json!({"refresh": ann.refresh})).await;
    let v1 = renewed.is(200)["access"].as_str().unwrap().to_owned();
    let ask = async |path: &str, token: &str| {
        let header = ("authorization", format!("Bearer {token}"));
        world.send(TestRequest::get().uri(path).insert_header(header)).await.status
    };

    for (token, compat_status, v1_status) in [(&ann.access, 200, 401), (&v1, 401, 200)] {
        assert_eq!(ask("/chat/api/messages/", token).await, compat_status, "{token}");
        assert_eq!(ask("/api/v1/me", token).await, v1_status, "{token}");
        let verified = world.post("/accounts/api/verify/", &json!({"token": token})).await;
        assert_eq!(verified.status, compat_status, "{token}");
    }
}
