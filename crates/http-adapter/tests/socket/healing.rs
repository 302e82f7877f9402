use std::time::Duration;

use application::LimitRules;
use application::ports::{Quota, SnapshotLimit};
use domain::MessageId;
use testkit::values;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::client::{Client, Raw, masked};
use crate::limits;
use crate::world::{LOBBY, Options, World};

/// Reads until nothing comes.
async fn settle(client: &mut Client) {
    while timeout(Duration::from_millis(500), client.frame()).await.is_ok() {}
}

/// Edits a message over REST, and returns the status.
async fn patch(world: &World, token: &str, message: i64, text: &str) -> String {
    let body = format!("{{\"content\": \"{text}\"}}");
    let request = format!(
        "PATCH /chat/api/messages/{message}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         Authorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response.split(' ').nth(1).unwrap().to_owned()
}

#[actix_web::test]
async fn a_burst_is_followed_by_one_history_that_holds_it() {
    let world = World::start(Options::default_profile());
    let mut ann = world.enter("ann").await;
    for n in 0..50 {
        ann.say(&n.to_string()).await;
    }
    ann.wait_message("49").await;
    let quiet_since = Instant::now();

    let history = ann.wait("message_history").await;

    let after = quiet_since.elapsed();
    assert!(after > Duration::from_millis(200) && after < Duration::from_secs(3), "{after:?}");
    assert_eq!(history["messages"].as_array().unwrap().len(), 50);
    let more = timeout(Duration::from_millis(900), ann.frame()).await;
    assert!(more.is_err(), "{more:?}");
}

#[actix_web::test]
async fn lone_messages_presence_and_parity_bring_no_history() {
    let parity = World::start(Options::parity());
    let mut bursting = parity.enter("bursting").await;
    for n in 0..10 {
        bursting.say(&n.to_string()).await;
    }
    let world = World::start(Options::default_profile());
    let mut ann = world.enter("ann").await;
    for n in 0..3 {
        drop(world.enter(&format!("guest{n}")).await);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    ann.say("alone").await;
    ann.wait_message("alone").await;
    let still = async {
        loop {
            tokio::select! {
                _ = ann.frame() => {}
                _ = bursting.frame() => {}
            }
        }
    };
    let quiet = timeout(Duration::from_millis(900), still).await;

    assert!(quiet.is_err());
    assert_eq!(bursting.count("chat_message"), 10);
    assert_eq!((ann.count("message_history"), bursting.count("message_history")), (1, 1));
}

#[actix_web::test]
async fn an_own_edit_heals_only_the_tabs_of_its_author() {
    let world = World::start(Options::default_profile());
    let ann = world.account("ann").await;
    let mut tabs = [world.enter_again(&ann).await, world.enter_again(&ann).await];
    let mut bob = world.enter("bob").await;
    world.post(ann.id, 1, "first").await;
    let message = bob.wait_message("first").await;
    // Arriving and the message came close together, which triggers a history.
    for client in tabs.iter_mut().chain([&mut bob]) {
        settle(client).await;
    }

    let id = MessageId::new(message["id"].as_i64().unwrap());
    let edit = values::edit(LOBBY, ann.id, id, Some("second"));
    world.services.batcher.submit(vec![edit]).await.pop().unwrap().unwrap();

    for tab in &mut tabs {
        let history = tab.wait("message_history").await;
        assert_eq!(history["messages"][0]["content"], "second");
    }
    bob.wait("message_updated").await;
    let more = timeout(Duration::from_millis(500), bob.frame()).await;
    assert!(more.is_err(), "{more:?}");
}

#[actix_web::test]
async fn a_history_covers_all_shown_rows() {
    let mut options = Options::default_profile();
    options.compat.history = SnapshotLimit { rows: 10, bytes: 1 << 20 };
    let world = World::start(options);
    let writer = world.account("writer").await;
    for n in 0..30 {
        world.post(writer.id, n, &n.to_string()).await;
    }
    let mut ann = world.enter("ann").await;
    assert_eq!(ann.shown().len(), 10);

    let mut lengths = Vec::new();
    for (burst, count) in [(100, 2), (200, 9), (300, 40)] {
        for n in 0..count {
            world.post(writer.id, burst + n, "x").await;
        }
        let history = ann.wait("message_history").await;
        lengths.push(history["messages"].as_array().unwrap().len());
    }

    assert_eq!(lengths, [12, 21, 40]);
}

#[actix_web::test]
async fn a_text_over_the_limit_is_refused_and_the_history_sent() {
    let world = World::start(Options::default_profile());
    let mut ann = world.enter("ann").await;
    let long = "x".repeat(world.compat.message_bytes + 1);

    ann.say(&long).await;
    ann.say("behind it").await;

    ann.wait("message_refused").await;
    ann.wait_message("behind it").await;
    let history = ann.wait("message_history").await;
    assert_eq!(history["messages"].as_array().unwrap().len(), 1);
    assert_eq!(world.texts().await, ["behind it"]);
}

#[actix_web::test]
async fn an_edit_while_a_history_is_undelivered_is_healed() {
    let world = World::start(Options::default_profile());
    let ann = world.account("ann").await;
    let mut raw = Raw::connect(world.address, &world.token(&ann)).await;
    world.wait_connections("ann", 1).await;
    world.post(ann.id, 1, "first").await;
    let watcher = world.enter("watcher").await;
    let id = watcher.frames[0]["messages"][0]["id"].as_i64().unwrap();

    // Answers no ping, so that the first history stays undelivered.
    let edit = values::edit(LOBBY, ann.id, MessageId::new(id), Some("second"));
    world.services.batcher.submit(vec![edit]).await.pop().unwrap().unwrap();
    let mut pings = Vec::new();
    let mut histories = 0;
    let unanswered = async {
        while let Some((opcode, payload)) = raw.frame().await {
            match opcode {
                9 => pings.push(payload),
                _ => histories += usize::from(payload.starts_with(b"{\"type\":\"message_history")),
            }
        }
    };
    assert!(timeout(Duration::from_millis(1500), unanswered).await.is_err());
    assert_eq!(histories, 1);

    for ping in pings {
        raw.send(&masked(0x8a, &ping)).await;
    }

    let healed = loop {
        let (_, payload) = raw.frame().await.unwrap();
        if payload.starts_with(b"{\"type\":\"message_history") {
            break payload;
        }
    };
    assert!(String::from_utf8(healed).unwrap().contains("second"));
}

#[actix_web::test]
async fn a_refused_edit_heals_the_screen_of_its_author() {
    let one = Quota::new(1, Duration::from_hours(1), 1);
    let rules = LimitRules { messages_by_account: one, ..values::wide_limits() };
    let (world, _) = limits::world_of(Options::default_profile(), rules);
    let account = world.account("ann").await;
    let token = world.token(&account);
    world.post(account.id, 1, "first").await;
    let mut ann = world.enter_again(&account).await;
    let mut bob = world.enter("bob").await;
    let id = ann.frames[0]["messages"][0]["id"].as_i64().unwrap();
    assert_eq!(patch(&world, &token, id, "second").await, "200");
    settle(&mut ann).await;
    settle(&mut bob).await;

    assert_eq!(patch(&world, &token, id, "third").await, "429");

    let history = ann.wait("message_history").await;
    assert_eq!(history["messages"][0]["content"], "second");
    let more = timeout(Duration::from_millis(500), bob.frame()).await;
    assert!(more.is_err(), "{more:?}");
}
