//! A server that is killed repeatedly under load.

use std::{collections::HashMap, net::TcpListener, process};

use tokio::{select, sync::watch, task::JoinSet};

use crate::support::{
    server::Server,
    socket::{Received, Socket},
    until,
    user::User,
};

const WRITERS: usize = 20;
const READERS: usize = 20;
const KILLS: usize = 10;

/// A message as a client received it.
type Seen = (i64, String);

#[tokio::test(flavor = "multi_thread")]
async fn echoed_messages_survive_ten_kills_exactly_once_and_in_order() {
    let bind = format!("127.0.0.1:{}", quiet_port());
    let env = [("CHAT_PROFILE", "parity"), ("CHAT__HTTP__BIND", &bind)];
    let mut server = Server::start(&env).await;
    server.logs("synchronous=2").await;
    let witness = server.register("witness").await;
    let echoed = watch::Sender::new(Vec::new());
    let stop = watch::Sender::new(false);
    let last = watch::Sender::new(None);
    let mut writers = JoinSet::new();
    for number in 0..WRITERS {
        let user = server.register(&format!("writer-{number}")).await;
        writers.spawn(write(user, echoed.clone(), stop.subscribe()));
    }
    let mut readers = JoinSet::new();
    for number in 0..READERS {
        let user = server.register(&format!("reader-{number}")).await;
        readers.spawn(read(user, last.subscribe()));
    }

    for kill in 0..KILLS {
        // Another number each time, so that each kill comes at another moment.
        more(&echoed, 100 + 17 * kill).await;
        server.kill().await;
        let before = echoed.borrow().clone();
        server = server.restart().await;
        assert_each_is_stored_once(&before, &stored(&witness).await);
    }
    more(&echoed, WRITERS).await;
    stop.send_replace(true);
    writers.join_all().await;
    let end = witness.socket().await.send_and_confirm("the end").await;
    last.send_replace(end);
    let views = readers.join_all().await.concat();

    let store = stored(&witness).await;
    assert_each_is_stored_once(&echoed.borrow(), &store);
    assert!(store.is_sorted_by(|one, next| one.0 < next.0), "ids do not ascend");
    assert!(views.len() > READERS * KILLS / 2, "readers hardly reconnected: {}", views.len());
    for view in &views {
        let same = view.iter().zip(&store).take_while(|(seen, kept)| seen == kept).count();
        assert_eq!(view.get(same), None, "a view differs after {same} of {} messages", store.len());
    }
    assert_eq!(views.iter().filter(|view| **view == store).count(), READERS);
}

/// A free port below the ephemeral range. A client that connects to a port of that range while the server is down may
/// get the same port for its own end, and so connect to itself.
fn quiet_port() -> u16 {
    let first = 10_000 + u16::try_from(process::id() % 20_000).unwrap();
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    (first..32_768).find(free).expect("a port is free")
}

/// Waits until `count` more messages are echoed.
async fn more(echoed: &watch::Sender<Vec<String>>, count: usize) {
    let goal = echoed.borrow().len() + count;
    let mut echoed = echoed.subscribe();
    let what = format!("{goal} messages are echoed");
    crate::support::soon(&what, echoed.wait_for(|echoed| echoed.len() >= goal)).await.unwrap();
}

/// Sends one message after another, each once, and records the echoed ones.
async fn write(user: User, echoed: watch::Sender<Vec<String>>, stop: watch::Receiver<bool>) {
    let mut count = 0;
    while !*stop.borrow() {
        let mut socket = connect(&user).await;
        while !*stop.borrow() {
            let text = format!("{} sends {count}", user.name);
            count += 1;
            if socket.send_and_confirm(&text).await.is_none() {
                break;
            }
            echoed.send_modify(|echoed| echoed.push(text));
        }
    }
}

/// Receives, and reconnects after each end, until the last message arrives. Returns what each socket received.
async fn read(user: User, mut last: watch::Receiver<Option<i64>>) -> Vec<Vec<Seen>> {
    let mut views = Vec::new();
    loop {
        let mut socket = connect(&user).await;
        let mut received = socket.watch();
        let last = select! {
            _ = received.wait_for(|received| received.end.is_some()) => None,
            last = last.wait_for(Option::is_some) => *last.unwrap(),
        };
        let Some(last) = last else {
            views.push(view(&received.borrow()));
            continue;
        };
        let all = |received: &Received| received.newest() >= Some(last);
        views.push(view(&*socket.wait_for("the last message", all).await));
        return views;
    }
}

async fn connect(user: &User) -> Socket {
    until("a server takes the socket", || user.try_socket_at("/ws/chat/")).await
}

/// The messages of a socket: those of the history, then the live ones.
fn view(received: &Received) -> Vec<Seen> {
    let histories =
        received.of("message_history").map(|frame| frame["messages"].as_array().unwrap());
    let live = received.of("chat_message").map(|frame| &frame["message"]);
    histories.flatten().chain(live).map(seen).collect()
}

async fn stored(witness: &User) -> Vec<Seen> {
    witness.messages().await.iter().map(seen).collect()
}

fn seen(message: &serde_json::Value) -> Seen {
    (message["id"].as_i64().unwrap(), message["content"].as_str().unwrap().to_owned())
}

fn assert_each_is_stored_once(echoed: &[String], store: &[Seen]) {
    let mut copies: HashMap<&str, usize> = HashMap::new();
    for (_, text) in store {
        *copies.entry(text).or_default() += 1;
    }
    let missing: Vec<_> =
        echoed.iter().filter(|text| !copies.contains_key(text.as_str())).collect();
    assert!(missing.is_empty(), "echoed but lost: {missing:?}");
    copies.retain(|_, count| *count > 1);
    assert!(copies.is_empty(), "stored more than once: {copies:?}");
}
