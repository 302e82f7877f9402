use std::time::Duration;

use application::ports::{
    Audience, Claims, Clock as _, Delivery, LocalBroadcast as _, SessionStore as _, TokenKind,
    TokenSigner as _,
};
use domain::{Account, ExchangeRules, ReplayRule, SessionId, Successor, TokenId};
use testkit::{Operation, PlainSigner, values};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::client::Client;
use crate::world::{LOBBY, Options, SESSION_TTL, World, until};

#[actix_web::test]
async fn a_close_is_echoed_and_ends_presence() {
    let world = World::start(Options::parity());
    let mut watcher = world.enter("watcher").await;
    for code in [1000_u16, 1001, 4321] {
        let name = format!("ann{code}");
        let mut ann = world.enter(&name).await;
        watcher.wait_online(|online| online.contains(&&*name)).await;
        let frame = CloseFrame { code: code.into(), reason: "bye".into() };
        ann.send(Message::text(format!("bye {code}"))).await;
        ann.send(Message::Close(Some(frame))).await;

        assert_eq!(ann.closed().await, Some(code));
        watcher.wait_state(&format!("bye {code}"), &["watcher"]).await;
    }
}

#[actix_web::test]
async fn a_shutdown_sends_queued_frames_and_then_closes_with_1001() {
    let world = World::start(Options { workers: 1, ..Options::parity() });
    let mut clients = [world.enter("ann").await, world.enter("bob").await];
    let hold = world.store.hold_answer(Operation::Commit);
    clients[0].say("last").await;
    drop(hold);
    clients[1].wait_message("last").await;

    world.stop.send_replace(true);

    for client in &mut clients {
        assert_eq!(client.closed().await, Some(1001));
    }
    assert_eq!(clients[0].shown(), ["last"]);
    let mut late = world.connect(&world.token(&world.account("late").await)).await;
    assert_eq!((late.closed().await, late.count("user_join")), (Some(1001), 0));
}

#[actix_web::test]
async fn after_a_reset_all_clients_get_a_new_history() {
    let world = World::start(Options::parity());
    let mut clients = [world.enter("ann").await, world.enter("bob").await];
    clients[0].say("hello").await;
    clients[1].wait_message("hello").await;

    world.fanout.deliver(Delivery::Reset(LOBBY)).await;

    for client in &mut clients {
        let history = client.wait("message_history").await;
        assert_eq!(history["messages"][0]["content"], "hello");
    }
}

const SESSION: SessionId = SessionId::new(7);

impl World {
    /// Connects with an access token of a session. Both expire within a second.
    async fn enter_briefly(&self, account: &Account) -> Client {
        let now = self.clock.now();
        let end = now.seconds() + 1;
        self.chat.open(account, values::new_session(SESSION, now.seconds(), end)).await.unwrap();
        let claims = Claims {
            kind: TokenKind::Access,
            expires_at: values::at(end),
            issued_at: now,
            id: TokenId::of(SESSION, 2),
            user: account.id,
            username: account.username.clone(),
            audience: Audience::Compat,
        };
        let mut client = self.connect(&PlainSigner.sign(&claims).unwrap()).await;
        client.wait_online(|online| online.contains(&account.username.as_str())).await;
        client
    }

    /// Exchanges the token of [`Self::enter_briefly`] for one that is valid for `ttl`.
    async fn refresh_for(&self, account: &Account, ttl: Duration) {
        let now = self.clock.now();
        let first = values::new_session(SESSION, now.seconds(), now.seconds() + 1).first;
        let next =
            Successor { session: SESSION, random: 3, issued_at: now, expires_at: now.after(ttl) };
        let rules = ExchangeRules { replay: ReplayRule::Refuse, lifetime: ttl * 2 };
        self.chat.rotate(account.id, first, next, now, rules).await.unwrap();
    }

    /// Waits until the server has checked a caller again.
    async fn wait_recheck(&self) {
        let before = self.store.calls(Operation::View);
        until(|| self.store.calls(Operation::View) > before).await;
    }
}

#[actix_web::test]
async fn a_socket_ends_with_its_session() {
    let world = World::start(Options::parity());
    let ann = world.account("ann").await;
    let mut client = world.enter_briefly(&ann).await;

    world.clock.advance(Duration::from_secs(1));

    assert_eq!(client.closed().await, Some(4003));
}

#[actix_web::test]
async fn a_socket_outlives_its_token_while_its_session_is_used() {
    let world = World::start(Options::parity());
    let ann = world.account("ann").await;
    let mut client = world.enter_briefly(&ann).await;
    world.refresh_for(&ann, Duration::from_hours(1)).await;

    world.clock.advance(Duration::from_mins(30));
    world.wait_recheck().await;

    client.say("still here").await;
    client.wait_message("still here").await;
}

#[actix_web::test]
async fn a_socket_ends_after_the_lifetime_of_its_session() {
    let world = World::start(Options::parity());
    let ann = world.account("ann").await;
    let mut client = world.enter_briefly(&ann).await;
    world.refresh_for(&ann, SESSION_TTL * 2).await;

    world.clock.advance(SESSION_TTL);

    assert_eq!(client.closed().await, Some(4003));
}

#[actix_web::test]
async fn a_socket_ends_when_its_session_is_revoked() {
    let world = World::start(Options::parity());
    let ann = world.account("ann").await;
    let mut client = world.enter_briefly(&ann).await;

    world.chat.revoke(ann.id, SESSION).await.unwrap();

    assert_eq!(client.closed().await, Some(4003));
}
