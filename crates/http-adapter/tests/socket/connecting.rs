use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use testkit::{Operation, values};
use tokio::io::AsyncWriteExt as _;

use crate::client::{Client, Raw, Seen};
use crate::world::{Options, World, until};

#[actix_web::test]
async fn a_client_gets_the_history_its_arrival_and_the_list() {
    for options in [Options::parity(), Options::default_profile()] {
        let world = World::start(options);
        let ann = world.account("ann").await;
        world.post(ann.id, 1, "before").await;

        let client = world.enter_again(&ann).await;

        let [history, join, online] = client.frames.as_slice() else {
            panic!("{:?}", client.frames);
        };
        assert_eq!(history["type"], "message_history");
        assert_eq!(history["messages"][0]["content"], "before");
        assert_eq!(*join, json!({"type": "user_join", "username": "ann"}));
        assert_eq!(*online, json!({"type": "online_info", "users_online": ["ann"]}));
    }
}

#[actix_web::test]
async fn others_see_each_tab_come_and_go() {
    let world = World::start(Options::parity());
    let mut watcher = world.enter("watcher").await;
    let ann = world.account("ann").await;
    let tabs = [world.enter_again(&ann).await, world.enter_again(&ann).await];
    drop(tabs);
    watcher.wait_online(|online| online == ["watcher"]).await;

    let moves: Vec<_> =
        watcher.frames[3..].iter().map(|frame| frame["type"].as_str().unwrap()).collect();
    let [join, leave] = [["user_join", "online_info"], ["user_leave", "online_info"]];
    assert_eq!(moves, [join, join, leave, leave].concat());
}

#[actix_web::test]
async fn users_without_access_are_closed_with_4003_and_leave_no_trace() {
    let world = World::start(Options::parity());
    let mut watcher = world.enter("watcher").await;
    let [disabled, banned] = [world.account("disabled").await, world.account("banned").await];
    application::ports::AccountStore::set_active(&*world.chat, disabled.id, false).await.unwrap();
    let root = application::ports::NewAccount { superuser: true, ..values::new_account("root") };
    let root = application::ports::AccountStore::create(&*world.chat, root).await.unwrap();
    let ban = values::ban(crate::world::LOBBY, root.id, banned.id);
    world.services.batcher.submit(vec![ban]).await.pop().unwrap().unwrap();
    let tokens =
        [String::new(), "garbage".to_owned(), world.token(&disabled), world.token(&banned)];

    for token in tokens {
        let mut client = world.connect(&token).await;
        client.send(tokio_tungstenite::tungstenite::Message::text("let me in")).await;
        assert_eq!((client.closed().await, client.frames), (Some(4003), vec![]), "{token}");
    }

    world.enter("last").await;
    watcher.wait_online(|online| online == ["last", "watcher"]).await;
    let joins: Vec<_> = watcher.frames.iter().filter(|f| f["type"] == "user_join").collect();
    assert_eq!(joins.len(), 2);
    assert!(world.texts().await.is_empty());
}

#[actix_web::test]
async fn every_path_below_the_lobby_is_the_lobby_and_others_are_refused() {
    let world = World::start(Options::parity());
    let mut lobby = world.enter("lobby").await;
    let token = world.token(&world.account("ann").await);

    let path = format!("/ws/chat/kitchen/?x=1&access_token=garbage&access_token={token}");
    let mut kitchen = Client::connect(world.address, &path).await;
    kitchen.say("from the kitchen").await;

    lobby.wait_message("from the kitchen").await;
    for path in ["/ws/chat", "/ws/", "/ws/other/", "/nope/", "/x/ws/chat/"] {
        let path = format!("{path}?access_token={token}");
        assert_eq!(Client::refused(world.address, &path).await, 404, "{path}");
    }
}

#[actix_web::test]
async fn a_plain_request_returns_404() {
    let world = World::start(Options::parity());
    let mut raw = tokio::net::TcpStream::connect(world.address).await.unwrap();
    let request =
        b"GET /ws/chat/ HTTP/1.1\r\nHost: x\r\nOrigin: http://x\r\nConnection: close\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut raw, request).await.unwrap();

    let mut answer = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut raw, &mut answer).await.unwrap();

    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    assert!(answer.to_ascii_lowercase().contains("access-control-allow-origin: *"), "{answer}");
}

#[actix_web::test]
async fn a_client_that_leaves_while_greeted_was_never_online() {
    let world = World::start(Options::parity());
    let mut watcher = world.enter("watcher").await;
    let ghost = world.account("ghost").await;
    world.post(ghost.id, 1, "so that the history is another").await;
    let token = world.token(&ghost);

    let mut hold = world.store.hold_next(Operation::Newest);
    let mut raw = Raw::connect(world.address, &token).await;
    hold.reached().await;
    raw.0.shutdown().await.unwrap();
    assert_eq!(raw.frame().await, None);
    hold.release();

    world.enter("last").await;
    watcher.wait_online(|online| online.contains(&"last")).await;
    assert!(!watcher.frames.iter().any(|frame| frame["username"] == "ghost"));
}

#[actix_web::test]
async fn a_client_that_leaves_unauthenticated_leaves_nothing_behind() {
    let world = World::start(Options::parity());
    let mut watcher = world.enter("watcher").await;
    let token = world.token(&world.account("ghost").await);
    for _ in 0..20 {
        let mut hold = world.store.hold_next(Operation::View);
        let mut raw = Raw::connect(world.address, &token).await;
        hold.reached().await;
        raw.0.shutdown().await.unwrap();
        hold.release();
        while raw.frame().await.is_some() {}
    }
    world.wait_connections("ghost", 0).await;
    world.enter("last").await;
    watcher.wait_online(|online| online.contains(&"last")).await;

    let count = |kind| {
        let is_so = |f: &&serde_json::Value| f["type"] == kind && f["username"] == "ghost";
        watcher.frames.iter().filter(is_so).count()
    };
    assert_eq!(count("user_join"), count("user_leave"));
}

#[actix_web::test]
async fn entering_while_others_write_shows_everything_once() {
    let world = World::start(Options::parity());
    let writer = world.account("writer").await;
    let mut reader = world.enter("reader").await;
    let writing = async {
        for n in 0..300 {
            world.post(writer.id, n, &n.to_string()).await;
        }
    };
    let entering = async {
        let mut entered = Vec::new();
        for n in 0..20 {
            let account = world.account(&format!("late{n}")).await;
            entered.push(world.connect(&world.token(&account)).await);
        }
        entered
    };
    let ((), mut entered) = tokio::join!(writing, entering);

    let want: Vec<_> = (0..300).map(|n| n.to_string()).collect();
    reader.wait_message("299").await;
    assert_eq!(reader.shown(), want);
    for client in &mut entered {
        while client.shown().last().is_none_or(|last| last != "299") {
            client.next().await;
        }
        assert_eq!(client.shown(), want);
    }
}

#[actix_web::test]
async fn a_thousand_joint_arrivals_cost_few_frames_and_one_read() {
    const SOCKETS: usize = 1000;
    let world = World::start(Options::default_profile());
    let mut tokens = Vec::new();
    for n in 0..SOCKETS {
        tokens.push(world.token(&world.account(&format!("user{n:04}")).await));
    }
    let mut hold = world.store.hold_next(Operation::Heads);

    let connecting = join_all(tokens.iter().map(|token| world.connect(token)));
    let released = async {
        hold.reached().await;
        hold.release();
    };
    let (clients, ()) = tokio::join!(connecting, released);
    let waiting = clients.into_iter().map(|mut client| async move {
        client.wait_online(|online| online.len() == SOCKETS).await;
        client.frames.len()
    });
    let frames: usize = join_all(waiting).await.iter().sum();

    assert!(frames < SOCKETS * 60, "{frames} frames");
    assert!(world.store.calls(Operation::Newest) < 20);
    until(|| world.services.budget.used() < 1 << 20).await;
}

#[actix_web::test]
async fn an_unavailable_store_delays_the_greeting() {
    let world = World::start(Options::parity());
    let ann = world.account("ann").await;
    world.store.outage(Some(testkit::Fault::Unreachable));
    let mut client = world.connect(&world.token(&ann)).await;
    let early = tokio::time::timeout(Duration::from_millis(300), client.next()).await;
    world.store.outage(None);

    assert!(early.is_err(), "{early:?}");
    assert!(matches!(client.next().await, Seen::Frame(f) if f["type"] == "message_history"));
}
