//! The socket of v1.

mod authorization;
mod ephemeral;
mod following;
mod presence;
mod rights;

use application::ports::{AccountStore, ConversationStore as _};
use domain::{Account, AddedBy, ConversationId, ProfileUpdate, Role};
use serde_json::{Value, json};
use testkit::{Operation, PlainSigner};
use tokio_tungstenite::tungstenite::Message;

use crate::client::{Client, Seen};
use crate::world::{Options, World};

const PATH: &str = "/api/v1/ws";

impl World {
    /// Connects, authenticates, and reads the greeting.
    pub(crate) async fn hello(&self, account: &Account) -> (Client, Value) {
        self.hello_with(&PlainSigner::for_v1(&self.token(account))).await
    }

    pub(crate) async fn hello_with(&self, token: &str) -> (Client, Value) {
        let mut client = Client::connect(self.address, PATH).await;
        client.send_json(json!({"type": "auth", "ref": "0", "token": token})).await;
        let hello = client.wait("hello").await;
        (client, hello)
    }

    pub(crate) async fn group(&self, members: &[(&Account, Role)]) -> ConversationId {
        let members = members.iter().map(|(account, role)| (account.id, *role)).collect();
        let new = testkit::values::new_group(members);
        self.chat.create_group(new).await.unwrap().unwrap().0
    }
}

impl Client {
    pub(crate) async fn send_json(&mut self, envelope: Value) {
        self.send(Message::text(envelope.to_string())).await;
    }

    /// The answer to a command.
    pub(crate) async fn ask(&mut self, mut envelope: Value) -> Value {
        let reference = format!("r{}", self.frames.len());
        envelope["ref"] = json!(reference);
        self.send_json(envelope).await;
        loop {
            let frame = self.frame().await;
            if frame["ref"] == reference {
                return frame;
            }
        }
    }

    /// Subscribes to a conversation from now on.
    pub(crate) async fn subscribe(&mut self, conversation: ConversationId) -> Value {
        self.ask(json!({"type": "subscribe", "conversation": conversation.get()})).await
    }
}

fn kind(frame: &Value) -> &str {
    frame["problem"]["type"].as_str().unwrap().strip_prefix("/api/v1/problems/").unwrap()
}

#[actix_web::test]
async fn a_message_is_acknowledged_and_reaches_all_subscribers() {
    let world = World::start(Options::default_profile());
    let (ann, bob) = (world.account("ann").await, world.account("bob").await);
    let group = world.group(&[(&ann, Role::Owner), (&bob, Role::Member)]).await;
    let ((mut a, hello), (mut b, _)) = (world.hello(&ann).await, world.hello(&bob).await);
    let ids: Vec<_> = hello["conversations"].as_array().unwrap().iter().map(|c| &c["id"]).collect();
    assert_eq!(ids, [&json!(group.get()), &json!(1)]);
    assert_eq!(hello["user"], json!({"id": ann.id.get(), "username": "ann"}));
    for client in [&mut a, &mut b] {
        assert_eq!(client.subscribe(group).await["type"], "changes");
    }

    let id = "0190d1f0-0000-7abc-8def-0123456789ab";
    let send = json!({"type": "send", "conversation": group.get(), "body": "hi", "client_id": id});
    let ack = a.ask(send.clone()).await;
    let again = a.ask(send).await;

    assert_eq!((&ack["type"], &ack["message"]), (&json!("ack"), &again["message"]));
    for client in [&mut a, &mut b] {
        let seen = client.frames.iter().find(|frame| frame["type"] == "event").cloned();
        let event = match seen {
            Some(event) => event,
            None => client.wait("event").await,
        };
        assert_eq!(event["data"], ack["message"]);
        assert_eq!((&event["kind"], &event["seq"]), (&json!("message"), &json!(1)));
    }
}

#[actix_web::test]
async fn an_unsubscribed_conversation_is_reported_as_a_gap() {
    let world = World::start(Options::default_profile());
    let ann = world.account("ann").await;
    let (mut client, _) = world.hello(&ann).await;

    world.post(ann.id, 1, "x").await;
    let gap = client.wait("gap").await;
    let changes = json!({"type": "subscribe", "conversation": 1, "since": 0, "view_version": 0});
    let missing = client.ask(changes).await;

    let want = json!({"type": "gap", "conversation": 1, "seq": 1, "msg_no": 1, "read_no": 1});
    assert_eq!(gap, want, "the message of the user counts as read");
    assert_eq!(kind(&missing), "invalid-request");
    assert_eq!(missing["problem"]["errors"][0]["field"], "epoch");
}

#[actix_web::test]
async fn unsubscribing_cancels_a_subscribe_that_still_waits() {
    let world = World::start(Options::default_profile());
    let ann = world.account("ann").await;
    let group = world.group(&[(&ann, Role::Owner)]).await;
    let (mut client, _) = world.hello(&ann).await;
    let mut hold = world.store.hold_next(Operation::View);
    let frame = |kind: &str, reference: &str, conversation: i64| json!({"type": kind, "ref": reference, "conversation": conversation});

    client.send_json(frame("subscribe", "first", 1)).await;
    hold.reached().await;
    client.send_json(frame("subscribe", "second", group.get())).await;
    client.send_json(frame("unsubscribe", "third", group.get())).await;
    let ack = client.wait("ack").await;
    hold.release();
    let cancelled = client.wait("error").await;

    assert_eq!((&ack["ref"], &cancelled["ref"]), (&json!("third"), &json!("second")));
    assert_eq!(kind(&cancelled), "cancelled");
    let sent = client.ask(json!({"type": "send", "conversation": group.get(), "body": "x"})).await;
    assert_eq!(sent["type"], "ack");
    while !client.frames.iter().any(|frame| frame["type"] == "gap") {
        client.frame().await;
    }
    assert!(!client.frames.iter().any(|frame| frame["type"] == "event"));
}

#[actix_web::test]
async fn a_returning_client_gets_what_it_missed_and_what_follows() {
    let world = World::start(Options::default_profile());
    let ann = world.account("ann").await;
    world.post(ann.id, 1, "before").await;
    let (mut client, hello) = world.hello(&ann).await;
    world.post(ann.id, 2, "meanwhile").await;

    let subscribe = json!({
        "type": "subscribe", "conversation": 1, "since": 1, "epoch": hello["epoch"], "view_version": 0,
    });
    let changes = client.ask(subscribe).await;
    world.post(ann.id, 3, "after").await;
    let event = client.wait("event").await;

    assert_eq!((&changes["from"], &changes["to"]), (&json!(1), &json!(2)));
    assert_eq!(changes["changes"][0]["data"]["body"], "meanwhile");
    assert_eq!(event["data"]["body"], "after");
    let ahead = json!({
        "type": "subscribe", "conversation": 1, "since": 99, "epoch": hello["epoch"], "view_version": 0,
    });
    client.send_json(json!({"type": "unsubscribe", "ref": "c", "conversation": 1})).await;
    let mut ahead = ahead;
    ahead["ref"] = json!("ahead");
    client.send_json(ahead).await;
    let reset = client.wait("reset").await;
    assert_eq!(reset["seq"], 3);
}

#[actix_web::test]
async fn joined_and_left_conversations_are_sent_while_connected() {
    let world = World::start(Options::default_profile());
    let (ann, bob) = (world.account("ann").await, world.account("bob").await);
    let group = world.group(&[(&ann, Role::Owner)]).await;
    let ((mut a, _), (mut b, _)) = (world.hello(&ann).await, world.hello(&bob).await);
    let not_yet = b.subscribe(group).await;
    assert_eq!(kind(&not_yet), "not-found");

    a.subscribe(group).await;
    let add = domain::Action::Add { user: bob.id, role: Role::Member };
    world.act(group, ann.id, add).await;
    let joined = b.wait("conversation").await;
    assert_eq!(joined["conversation"]["id"], group.get());
    assert_eq!(b.subscribe(group).await["type"], "changes");
    a.ask(json!({"type": "send", "conversation": group.get(), "body": "welcome"})).await;
    assert_eq!(b.wait("event").await["data"]["body"], "welcome");

    world.act(group, ann.id, domain::Action::Remove { user: bob.id }).await;
    assert_eq!(b.wait("left").await["conversation"], group.get());
    a.ask(json!({"type": "send", "conversation": group.get(), "body": "secret"})).await;
    let pong = b.ask(json!({"type": "ping"})).await;
    assert_eq!(pong["type"], "pong");
    assert!(!b.frames.iter().any(|frame| frame.to_string().contains("secret")));
}

#[actix_web::test]
async fn invitations_are_counted_while_connected() {
    let world = World::start(Options::default_profile());
    let (ann, bob) = (world.account("ann").await, world.account("bob").await);
    let asked = ProfileUpdate { added_by: Some(AddedBy::Nobody), ..ProfileUpdate::default() };
    AccountStore::set_profile(&*world.chat, bob.id, asked).await.unwrap();
    let group = world.group(&[(&ann, Role::Owner)]).await;
    let (mut b, hello) = world.hello(&bob).await;

    world.act(group, ann.id, domain::Action::Add { user: bob.id, role: Role::Member }).await;
    let invited = b.wait("invitations").await;
    let not_yet = b.subscribe(group).await;
    let (mut again, later) = world.hello(&bob).await;
    world.act(group, bob.id, domain::Action::Accept).await;
    let accepted = b.wait("invitations").await;
    again.wait("conversation").await;

    assert_eq!((&hello["invitations"], &later["invitations"]), (&json!(0), &json!(1)));
    assert_eq!(invited, json!({"type": "invitations", "count": 1}));
    assert_eq!(kind(&not_yet), "not-found");
    assert_eq!(accepted, json!({"type": "invitations", "count": 0}));
}

#[actix_web::test]
async fn a_first_message_announces_its_direct_conversation() {
    let world = World::start(Options::default_profile());
    let (ann, bob) = (world.account("ann").await, world.account("bob").await);
    let ((mut a, _), (mut b, _)) = (world.hello(&ann).await, world.hello(&bob).await);
    let (entry, _) = world.services.chat.open_direct(&ann, bob.id).await.unwrap();
    let direct = entry.conversation.id;

    // The opener can subscribe at once, and keeps the subscription.
    assert_eq!(a.subscribe(direct).await["type"], "changes");
    world.services.chat.set_muted(&ann, direct, true).await.unwrap();
    while a.wait("conversation").await["conversation"]["muted"] != true {}
    let send = json!({"type": "send", "conversation": direct.get(), "body": "hello"});
    assert_eq!(a.ask(send).await["type"], "ack");

    let announced = b.wait("conversation").await["conversation"].clone();
    assert_eq!((&announced["id"], &announced["unread"]), (&json!(direct.get()), &json!(1)));
    assert_eq!(announced["other"]["username"], "ann");
    let (_, hello) = world.hello(&bob).await;
    assert_eq!(hello["conversations"][0]["id"], direct.get());
    assert_eq!(a.count("left"), 0);
    let before: Vec<_> = b.frames.iter().map(|frame| frame["type"].as_str().unwrap()).collect();
    let announced = before.iter().position(|kind| *kind == "conversation").unwrap();
    assert!(!before[..announced].contains(&"gap"), "{before:?}");
}

#[actix_web::test]
async fn a_read_marker_moves_on_all_devices() {
    let world = World::start(Options::default_profile());
    let ann = world.account("ann").await;
    let bob = world.account("bob").await;
    let group = world.group(&[(&ann, Role::Owner), (&bob, Role::Member)]).await;
    let ((mut one, _), (mut other, _)) = (world.hello(&bob).await, world.hello(&bob).await);
    world.act(group, ann.id, values_send(1, "x")).await;

    let ack = one.ask(json!({"type": "read", "conversation": group.get(), "msg_no": 1})).await;
    let entry = other.wait("conversation").await;

    assert_eq!(ack["read_no"], 1);
    assert_eq!(
        (&entry["conversation"]["id"], &entry["conversation"]["read_no"]),
        (&json!(group.get()), &json!(1))
    );
}

fn values_send(n: u128, text: &str) -> domain::Action {
    testkit::values::send(crate::world::LOBBY, domain::UserId::new(1), n, text).action
}

impl World {
    /// Changes a conversation without a socket.
    pub(crate) async fn act(
        &self,
        conversation: ConversationId,
        actor: domain::UserId,
        action: domain::Action,
    ) {
        let intent = domain::Intent { conversation, actor, action };
        self.services.batcher.submit(vec![intent]).await.pop().unwrap().unwrap();
    }
}

#[actix_web::test]
async fn blocked_messages_move_the_cursor_unseen() {
    let world = World::start(Options::default_profile());
    let (ann, eve) = (world.account("ann").await, world.account("eve").await);
    application::ports::InboxStore::set_blocked(&*world.chat, ann.id, eve.id, true).await.unwrap();
    let (mut client, hello) = world.hello(&ann).await;
    client.subscribe(crate::world::LOBBY).await;

    world.post(eve.id, 1, "unseen").await;
    let skip = client.wait("skip").await;
    let view = &hello["conversations"][0]["view_version"];
    let subscribe = json!({
        "type": "subscribe", "conversation": 1, "since": 0, "epoch": hello["epoch"], "view_version": view,
    });
    let changes = client.ask(subscribe).await;

    assert_eq!(skip, json!({"type": "skip", "conversation": 1, "seq": 1}));
    assert_eq!((&changes["to"], &changes["changes"]), (&json!(1), &json!([])));
}

#[actix_web::test]
async fn an_invalid_frame_is_answered_and_the_socket_stays() {
    let world = World::start(Options::default_profile());
    let ann = world.account("ann").await;
    let (mut client, _) = world.hello(&ann).await;
    let cases = [
        ("{", "null"),
        ("{}", "null"),
        (r#"["ping","a"]"#, "null"),
        (r#"{"type":"ping"}"#, "null"),
        (r#"{"type":"ping","ref":""}"#, "null"),
        (r#"{"type":"dance","ref":"a"}"#, "\"a\""),
        (r#"{"type":"send","ref":"b"}"#, "\"b\""),
        (r#"{"type":"send","ref":"c","conversation":1,"body":" "}"#, "\"c\""),
        (r#"{"type":"ping","ref":"d","more":1}"#, "\"d\""),
    ];

    for (text, reference) in cases {
        client.say(text).await;
        let error = client.wait("error").await;

        assert_eq!(error["ref"].to_string(), reference, "{text}");
        assert_eq!(kind(&error), "invalid-request", "{text}");
    }
    assert_eq!(client.ask(json!({"type": "ping"})).await["type"], "pong");
    let whole = json!({"type": "send", "conversation": 1.0, "body": "x"});
    assert_eq!(client.ask(whole).await["message"]["body"], "x");
    let far = json!({"type": "send", "conversation": 99, "body": "x"});
    assert_eq!(kind(&client.ask(far).await), "not-found");
}

#[actix_web::test]
async fn a_client_that_does_not_authenticate_is_closed() {
    let world = World::start(Options::default_profile());
    let wrong = [
        json!({"type": "auth", "ref": "0", "token": "nonsense"}).to_string(),
        json!({"type": "ping", "ref": "0"}).to_string(),
        "hello".to_owned(),
    ];

    for text in wrong {
        let mut client = Client::connect(world.address, PATH).await;
        client.say(&text).await;
        assert_eq!(client.next().await, Seen::Closed(Some(4401)), "{text}");
    }
    let mut client = Client::connect(world.address, PATH).await;
    client.say(&"x".repeat(5_000)).await;
    assert_eq!(client.next().await, Seen::Closed(Some(1009)));
}

#[actix_web::test]
async fn rights_that_end_close_the_socket() {
    let world = World::start(Options::default_profile());
    let ann = world.account("ann").await;
    let (mut client, _) = world.hello(&ann).await;

    AccountStore::set_active(&*world.chat, ann.id, false).await.unwrap();

    loop {
        if let Seen::Closed(code) = client.next().await {
            assert_eq!(code, Some(4401));
            return;
        }
    }
}

#[actix_web::test]
async fn presence_reaches_both_protocols() {
    let world = World::start(Options::parity());
    let (ann, bob) = (world.account("ann").await, world.account("bob").await);
    let (mut new, hello) = world.hello(&ann).await;
    let old = world.enter_again(&bob).await;

    // The client may also get the presence of its own user.
    let about_bob = async |client: &mut Client| loop {
        let frame = client.wait("presence").await;
        if frame["username"] == "bob" {
            break frame;
        }
    };
    let came = about_bob(&mut new).await;
    let list = old.frames.iter().rfind(|frame| frame["type"] == "online_info").cloned();
    drop(old);
    let went = about_bob(&mut new).await;

    assert_eq!(list.unwrap()["users_online"], json!(["ann", "bob"]));
    assert_eq!(hello["online"], json!(["ann"]));
    assert_eq!(came, json!({"type": "presence", "username": "bob", "online": true}));
    assert_eq!(went["online"], false);
}

#[actix_web::test]
async fn overlapping_subscribes_leave_no_gap() {
    let world = World::start(Options::default_profile());
    let ann = world.account("ann").await;
    let (mut client, hello) = world.hello(&ann).await;
    let subscribe = |reference: &str| {
        json!({
            "type": "subscribe", "ref": reference, "conversation": 1, "since": 0,
            "epoch": hello["epoch"], "view_version": 0,
        })
    };
    for n in 1..=20 {
        client.send_json(subscribe(&format!("{n}"))).await;
        world.post(ann.id, n, "x").await;
    }
    assert_eq!(client.ask(json!({"type": "ping"})).await["type"], "pong");
    world.post(ann.id, 21, "the last").await;

    let mut known = 0;
    while known < 21 {
        let frame = client.frame().await;
        let frames = std::mem::take(&mut client.frames);
        assert!(frames.contains(&frame));
        for frame in frames {
            match frame["type"].as_str().unwrap() {
                "changes" => {
                    assert!(frame["from"].as_i64().unwrap() <= known, "a gap before {frame}");
                    known = known.max(frame["to"].as_i64().unwrap());
                }
                "event" => {
                    let seq = frame["seq"].as_i64().unwrap();
                    assert!(seq <= known + 1, "a gap between {known} and {frame}");
                    known = known.max(seq);
                }
                "gap" => client.send_json(subscribe("again")).await,
                _ => {}
            }
        }
    }
}

#[actix_web::test]
async fn a_client_that_never_reads_is_not_read_and_costs_little() {
    let mut options = Options::default_profile();
    options.settings.timeouts.stall = std::time::Duration::from_millis(700);
    let world = World::start(options);
    let ann = world.account("ann").await;
    let (mut client, _) = world.hello(&ann).await;

    // Large enough that they fill the buffers on their way.
    let invalid = format!("{{{}", " ".repeat(1_000));
    let mut most = 0;
    let sending = async {
        while client.try_say(&invalid).await {
            most = most.max(world.services.budget.used());
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = sending => {}
        () = world.wait_connections("ann", 0) => {}
    }

    assert!(most < 4 << 20, "{most} bytes");
}

#[actix_web::test]
async fn subscribes_are_served_one_at_a_time() {
    let world = World::start(Options::default_profile());
    let ann = world.account("ann").await;
    world.post(ann.id, 1, "x").await;
    let (mut client, hello) = world.hello(&ann).await;
    let subscribe = |reference: &str| {
        json!({
            "type": "subscribe", "ref": reference, "conversation": 1, "since": 0,
            "epoch": hello["epoch"], "view_version": 0,
        })
    };
    let mut hold = world.store.hold_next(Operation::ChangesSince);
    client.send_json(subscribe("first")).await;
    hold.reached().await;
    for _ in 0..10 {
        client.send_json(subscribe("later")).await;
    }

    // The pong means that the server has read all of them.
    assert_eq!(client.ask(json!({"type": "ping"})).await["type"], "pong");
    let reads = world.store.calls(Operation::ChangesSince);
    hold.release();

    assert_eq!(reads, 1);
    while client.frames.iter().filter(|frame| frame["ref"] == "later").count() < 10 {
        client.frame().await;
    }
}
