//! Typing and read receipts.

use std::time::Duration;

use application::LimitRules;
use application::ports::{AccountStore as _, ConversationStore as _, InboxStore as _, Quota};
use domain::{Account, Action, ConversationId, Pair, ProfileUpdate, Role, UserId};
use serde_json::{Value, json};
use testkit::values;

use super::kind;
use crate::client::Client;
use crate::world::{LOBBY, Options, World};

fn typing(conversation: ConversationId) -> Value {
    json!({"type": "typing", "conversation": conversation.get()})
}

fn read(conversation: ConversationId, msg_no: i64) -> Value {
    json!({"type": "read", "conversation": conversation.get(), "msg_no": msg_no})
}

fn send(n: i64, text: &str) -> Action {
    values::send(LOBBY, UserId::new(1), n.unsigned_abs().into(), text).action
}

fn user(account: &Account) -> Value {
    json!({"id": account.id.get(), "username": account.username.as_str()})
}

impl World {
    /// Connects, and subscribes to a conversation.
    async fn subscribed(&self, account: &Account, conversation: ConversationId) -> Client {
        let (mut client, _) = self.hello(account).await;
        assert_eq!(client.subscribe(conversation).await["type"], "changes");
        client
    }

    /// Sends a message without a socket, and waits until this client gets it.
    async fn send_and_wait(&self, client: &mut Client, id: ConversationId, by: &Account) {
        let head = self.chat.heads(&[id]).await.unwrap().heads[0];
        let number = head.msg_no.next().get();
        self.act(id, by.id, send(number, "x")).await;
        while client.wait("event").await["data"]["msg_no"] != number {}
    }
}

#[actix_web::test]
async fn typing_reaches_the_other_subscribers() {
    let world = World::start(Options::default_profile());
    let (ann, bob) = (world.account("ann").await, world.account("bob").await);
    let (eve, joe) = (world.account("eve").await, world.account("joe").await);
    let member = Role::Member;
    let members = [(&ann, Role::Owner), (&bob, member), (&eve, member), (&joe, member)];
    let group = world.group(&members).await;
    world.chat.set_blocked(eve.id, ann.id, true).await.unwrap();
    let mut here = world.subscribed(&ann, group).await;
    let mut other_device = world.subscribed(&ann, group).await;
    let mut seeing = world.subscribed(&bob, group).await;
    let mut blocking = world.subscribed(&eve, group).await;
    let (mut unsubscribed, _) = world.hello(&joe).await;

    let ack = here.ask(typing(group)).await;
    let seen = seeing.wait("typing").await;
    // A typing event, if any, comes before this message.
    for client in [&mut here, &mut other_device, &mut seeing, &mut blocking] {
        world.send_and_wait(client, group, &bob).await;
    }
    unsubscribed.wait("gap").await;

    assert_eq!(ack, json!({"type": "ack", "ref": ack["ref"]}));
    let want = json!({"type": "typing", "conversation": group.get(), "user": user(&ann)});
    assert_eq!(seen, want);
    let counts = [here, other_device, seeing, blocking, unsubscribed].map(|c| c.count("typing"));
    assert_eq!(counts, [0, 0, 1, 0, 0]);
    let head = world.chat.heads(&[group]).await.unwrap().heads[0];
    assert_eq!(head.seq.get(), head.msg_no.get());
}

/// Also when the setting changes while the socket is open.
#[actix_web::test]
async fn hidden_presence_hides_typing_and_read_receipts() {
    let world = World::start(Options::default_profile());
    let (ann, bob) = (world.account("ann").await, world.account("bob").await);
    let group = world.group(&[(&ann, Role::Owner), (&bob, Role::Member)]).await;
    let mut seeing = world.subscribed(&ann, group).await;
    let mut hiding = world.subscribed(&bob, group).await;
    for _ in 0..2 {
        world.send_and_wait(&mut hiding, group, &ann).await;
    }
    let hides = |hides| ProfileUpdate { hides_presence: Some(hides), ..ProfileUpdate::default() };

    world.chat.set_profile(bob.id, hides(true)).await.unwrap();
    assert_eq!(hiding.ask(typing(group)).await["type"], "ack");
    assert_eq!(hiding.ask(read(group, 1)).await["read_no"], 1);
    world.chat.set_profile(bob.id, hides(false)).await.unwrap();
    hiding.ask(typing(group)).await;
    hiding.ask(read(group, 2)).await;

    assert_eq!(seeing.wait("read").await["msg_no"], 2);
    assert_eq!(seeing.count("typing"), 1);
}

#[actix_web::test]
async fn continuous_typing_is_throttled() {
    let world = World::start(Options::default_profile());
    let (ann, bob) = (world.account("ann").await, world.account("bob").await);
    let group = world.group(&[(&ann, Role::Owner), (&bob, Role::Member)]).await;
    let mut one = world.subscribed(&ann, group).await;
    let mut other = world.subscribed(&ann, group).await;
    let mut seeing = world.subscribed(&bob, group).await;

    for _ in 0..20 {
        assert_eq!(one.ask(typing(group)).await["type"], "ack");
        assert_eq!(other.ask(typing(group)).await["type"], "ack");
    }
    world.send_and_wait(&mut seeing, group, &bob).await;
    let at_first = seeing.count("typing");
    world.clock.advance(Duration::from_secs(2));
    one.ask(typing(group)).await;
    seeing.wait("typing").await;

    assert_eq!(at_first, 1);
}

#[actix_web::test]
async fn members_who_may_not_write_cannot_show_typing() {
    let world = World::start(Options::default_profile());
    let (ann, bob) = (world.account("ann").await, world.account("bob").await);
    let group = world.group(&[(&ann, Role::Owner), (&bob, Role::Member)]).await;
    let pair = Pair::of(ann.id, bob.id).unwrap();
    let (direct, _) = world.chat.open_direct(pair).await.unwrap();
    let (mut client, _) = world.hello(&bob).await;
    let until = Some(values::at(i64::from(u32::MAX)));

    world.chat.set_blocked(ann.id, bob.id, true).await.unwrap();
    let blocked = client.ask(typing(direct)).await;
    world.act(group, ann.id, Action::Silence { user: bob.id, until }).await;
    let silenced = client.ask(typing(group)).await;
    let unknown = client.ask(typing(ConversationId::new(99))).await;
    let unnamed = client.ask(json!({"type": "typing"})).await;

    let kinds = [&blocked, &silenced, &unknown, &unnamed].map(kind);
    assert_eq!(kinds, ["blocked", "silenced", "not-found", "invalid-request"]);
}

#[actix_web::test]
async fn typing_counts_as_writing() {
    let few = Quota::new(1, Duration::from_mins(1), 3);
    let rules = LimitRules { messages_by_account: few, ..values::wide_limits() };
    let (world, _) = crate::limits::world(rules);
    let ann = world.account("ann").await;
    let (mut client, _) = world.hello(&ann).await;

    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(client.ask(typing(LOBBY)).await);
    }

    assert!(answers[..3].iter().all(|answer| answer["type"] == "ack"), "{answers:?}");
    assert_eq!(kind(&answers[3]), "too-many-requests");
    assert!(answers[3]["problem"]["retry_after_s"].is_u64());
}

#[actix_web::test]
async fn read_receipts_reach_the_other_subscribers() {
    let world = World::start(Options::default_profile());
    let (ann, bob) = (world.account("ann").await, world.account("bob").await);
    let eve = world.account("eve").await;
    let members = [(&ann, Role::Owner), (&bob, Role::Member), (&eve, Role::Member)];
    let group = world.group(&members).await;
    world.chat.set_blocked(eve.id, bob.id, true).await.unwrap();
    let mut seeing = world.subscribed(&ann, group).await;
    let mut blocking = world.subscribed(&eve, group).await;
    let mut reading = world.subscribed(&bob, group).await;
    for _ in 0..3 {
        world.send_and_wait(&mut reading, group, &ann).await;
    }

    for (no, read_no) in [(2, 2), (1, 2), (99, 3)] {
        assert_eq!(reading.ask(read(group, no)).await["read_no"], read_no);
    }
    let seen = [seeing.wait("read").await, seeing.wait("read").await];
    reading.ask(json!({"type": "send", "conversation": group.get(), "body": "4"})).await;
    reading.ask(read(group, 4)).await;
    for client in [&mut seeing, &mut blocking, &mut reading] {
        world.send_and_wait(client, group, &ann).await;
    }

    let want = |no: i64| json!({"type": "read", "conversation": group.get(), "user": user(&bob), "msg_no": no});
    assert_eq!(seen, [want(2), want(3)]);
    let counts = [seeing, blocking, reading].map(|client| client.count("read"));
    assert_eq!(counts, [2, 0, 0], "a sent message already moves the read marker of its author");
}

#[actix_web::test]
async fn the_lobby_has_no_read_receipts() {
    let world = World::start(Options::default_profile());
    let (ann, bob) = (world.account("ann").await, world.account("bob").await);
    let mut seeing = world.subscribed(&ann, LOBBY).await;
    let mut reading = world.subscribed(&bob, LOBBY).await;
    reading.ask(read(LOBBY, 0)).await;

    world.send_and_wait(&mut reading, LOBBY, &ann).await;
    assert_eq!(reading.ask(read(LOBBY, 1)).await["read_no"], 1);
    world.send_and_wait(&mut seeing, LOBBY, &ann).await;

    assert_eq!(seeing.count("read"), 0);
}

#[actix_web::test]
async fn ephemeral_events_are_not_repeated_after_a_reconnect() {
    let world = World::start(Options::default_profile());
    let (ann, bob) = (world.account("ann").await, world.account("bob").await);
    let group = world.group(&[(&ann, Role::Owner), (&bob, Role::Member)]).await;
    let mut here = world.subscribed(&ann, group).await;
    world.send_and_wait(&mut here, group, &bob).await;
    here.ask(typing(group)).await;
    here.ask(read(group, 1)).await;

    let (mut back, hello) = world.hello(&bob).await;
    let open = json!({
        "type": "subscribe", "conversation": group.get(), "since": 0, "epoch": hello["epoch"],
        "view_version": hello["conversations"][0]["view_version"],
    });
    let changes = back.ask(open).await;
    world.send_and_wait(&mut back, group, &bob).await;

    assert_eq!((&changes["to"], changes["changes"].as_array().unwrap().len()), (&json!(1), 1));
    assert_eq!((back.count("typing"), back.count("read")), (0, 0));
}

#[actix_web::test]
async fn a_slow_client_misses_typing_but_no_message() {
    let mut options = Options::default_profile();
    options.settings.queue_hard_bytes = 1 << 30;
    let world = World::start(options);
    let (ann, bob) = (world.account("ann").await, world.account("bob").await);
    let group = world.group(&[(&ann, Role::Owner), (&bob, Role::Member)]).await;
    let mut slow = world.subscribed(&ann, group).await;
    let mut typist = world.subscribed(&bob, group).await;
    let text = "x".repeat(60_000);
    let mut sent = 0;
    let send_text = async |typist: &mut Client, n: i64| {
        world.act(group, bob.id, send(n, &text)).await;
        typist.wait("event").await;
    };
    // Far above the queue limit for ephemeral events.
    while world.services.budget.used() < 8 * options.settings.queue_soft_bytes {
        sent += 1;
        send_text(&mut typist, sent).await;
    }

    for _ in 0..20 {
        world.clock.advance(Duration::from_secs(2));
        assert_eq!(typist.ask(typing(group)).await["type"], "ack");
    }
    send_text(&mut typist, sent + 1).await;

    for n in 1..=sent + 1 {
        assert_eq!(slow.wait("event").await["seq"], n);
    }
    assert_eq!((slow.count("typing"), slow.count("gap")), (0, 0));
    world.clock.advance(Duration::from_secs(2));
    typist.ask(typing(group)).await;
    slow.wait("typing").await;
}
