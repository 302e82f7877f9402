use std::sync::Arc;
use std::time::{Duration, Instant};

use application::ports::Quota;
use application::{KnownAddresses, LimitRules, Limits, SecurityLog};
use domain::ConversationId;
use memory::{InMemoryChat, InProcessLimiter};
use testkit::values::wide_limits;
use testkit::{ManualClock, TEST_TIMEOUT};
use tokio_tungstenite::tungstenite::Message;

use crate::client::{Client, Seen};
use crate::world::{Options, World};

pub(crate) fn world(rules: LimitRules) -> (World, Arc<ManualClock>) {
    world_of(Options::parity(), rules)
}

pub(crate) fn world_of(options: Options, rules: LimitRules) -> (World, Arc<ManualClock>) {
    let clock = Arc::<ManualClock>::default();
    let chat = Arc::new(InMemoryChat::new(clock.clone()));
    let known = KnownAddresses::new(chat, clock.clone(), b"secret");
    let limits = Limits::new(
        Arc::new(InProcessLimiter::new(clock.clone())),
        known,
        rules,
        SecurityLog::with_plain_addresses(),
    );
    (World::limited(options, limits), clock)
}

/// The texts up to `last`, and `(pong)` for each pong.
async fn received(client: &mut Client, last: &str) -> Vec<String> {
    let mut received = Vec::new();
    while received.last().map(String::as_str) != Some(last) {
        match client.next().await {
            Seen::Frame(frame) if frame["type"] == "chat_message" => {
                received.push(frame["message"]["content"].as_str().unwrap().to_owned());
            }
            Seen::Pong(_) => received.push("(pong)".to_owned()),
            Seen::Frame(_) | Seen::Ping => {}
            Seen::Closed(code) => panic!("closed with {code:?} after {received:?}"),
        }
    }
    received
}

/// The server stops reading, so the pong comes late.
#[actix_web::test]
async fn exceeding_the_message_rate_delays_but_never_drops() {
    let tenth = Duration::from_millis(100);
    let (account, lobby) = (
        LimitRules { messages_by_account: Quota::new(1, tenth, 3), ..wide_limits() },
        LimitRules { messages_by_conversation: Quota::new(1, tenth, 3), ..wide_limits() },
    );
    for rules in [account, lobby] {
        let (world, clock) = world(rules);
        let mut ann = world.enter("ann").await;
        let texts: Vec<String> = (0..40).map(|n| n.to_string()).collect();
        for text in &texts {
            ann.say(text).await;
        }
        ann.send(Message::Ping("p".into())).await;

        let before = received(&mut ann, "3").await;
        assert_eq!(before, texts[..4]);
        assert_eq!(world.texts().await, texts[..4]);
        clock.advance(tenth);
        assert_eq!(received(&mut ann, "4").await, texts[4..5]);
        let mut rest = Vec::new();
        while rest.last().map(String::as_str) != Some("39") {
            clock.advance(tenth * 10);
            let next = rest.len() + 5;
            rest.extend(received(&mut ann, &texts[(next + 2).min(39)]).await);
        }

        rest.retain(|text| text != "(pong)");
        assert_eq!(rest, texts[5..]);
        assert_eq!(world.texts().await, texts);
    }
}

#[actix_web::test]
async fn a_socket_that_is_paused_can_be_closed() {
    let month = Duration::from_hours(30 * 24);
    let (world, _) =
        world(LimitRules { messages_by_account: Quota::new(1, month, 1), ..wide_limits() });
    let mut ann = world.enter("ann").await;
    for text in ["first", "second", "third"] {
        ann.say(text).await;
    }
    received(&mut ann, "second").await;

    world.stop.send_replace(true);

    assert_eq!(ann.closed().await, Some(1001));
    assert_eq!(world.texts().await, ["first", "second"]);
}

#[actix_web::test]
async fn one_socket_too_many_is_accepted_and_closed_with_1013() {
    let by_account = LimitRules { sockets_by_account: 2, ..wide_limits() };
    let by_address = LimitRules { sockets_by_address: 2, ..wide_limits() };
    for rules in [by_account, by_address] {
        let (world, _) = world(rules);
        let ann = world.account("ann").await;
        let first = world.enter_again(&ann).await;
        let mut second = world.enter_again(&ann).await;

        let mut third = world.connect(&world.token(&ann)).await;

        assert_eq!(third.closed().await, Some(1013));
        assert_eq!(third.frames, [] as [serde_json::Value; 0]);
        second.say("still here").await;
        second.wait_message("still here").await;
        drop(first);
        enters_eventually(&world, &world.token(&ann)).await;
    }
}

/// A permit is free shortly after its socket has ended.
async fn enters_eventually(world: &World, token: &str) {
    let began = Instant::now();
    loop {
        assert!(began.elapsed() < TEST_TIMEOUT, "the permit was not returned");
        let mut client = world.connect(token).await;
        match client.next().await {
            Seen::Frame(_) => return,
            seen => assert_eq!(seen, Seen::Closed(Some(1013))),
        }
    }
}

#[actix_web::test]
async fn accounts_have_separate_limits_of_sockets() {
    let (world, _) = world(LimitRules { sockets_by_account: 1, ..wide_limits() });
    let _ann = world.enter("ann").await;

    let mut bob = world.enter("bob").await;

    bob.say("hello").await;
    bob.wait_message("hello").await;
}

#[actix_web::test]
async fn too_many_handshakes_are_refused_before_they_cost_anything() {
    let minute = Duration::from_mins(1);
    let (world, clock) =
        world(LimitRules { handshakes_by_address: Quota::new(1, minute, 2), ..wide_limits() });
    let ann = world.account("ann").await;
    let path = format!("/ws/chat/?access_token={}", world.token(&ann));
    let mut first = world.connect("none").await;
    assert_eq!(first.closed().await, Some(4003));
    let _second = world.enter_again(&ann).await;

    assert_eq!(Client::refused(world.address, &path).await, 429);
    clock.advance(minute);
    world.enter_again(&ann).await;
}

#[actix_web::test]
async fn subscribing_counts_as_reading() {
    let rules =
        LimitRules { reads_by_account: Quota::new(1, Duration::from_mins(1), 2), ..wide_limits() };
    let (world, clock) = world_of(Options::default_profile(), rules);
    let ann = world.account("ann").await;
    let (mut client, _) = world.hello(&ann).await;
    for _ in 0..2 {
        assert_eq!(client.subscribe(ConversationId::LOBBY).await["type"], "changes");
    }

    let refused = client.subscribe(ConversationId::LOBBY).await;
    clock.advance(Duration::from_mins(1));

    assert_eq!(refused["type"], "error");
    assert_eq!(refused["problem"]["retry_after_s"], 60);
    assert_eq!(client.subscribe(ConversationId::LOBBY).await["type"], "changes");
}
