use application::ports::{Delivery, LocalBroadcast as _};
use testkit::Operation;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::world::{LOBBY, Options, World};

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
