use std::time::Duration;

use application::ports::SnapshotLimit;
use testkit::values;
use tokio::time::{Instant, timeout};

use crate::world::{LOBBY, Options, World};

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
    let more = timeout(Duration::from_millis(900), ann.next()).await;
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
                _ = ann.next() => {}
                _ = bursting.next() => {}
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
    // Arriving and the message came close together, which triggers one history.
    for client in tabs.iter_mut().chain([&mut bob]) {
        client.wait("message_history").await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;

    let id = domain::MessageId::new(message["id"].as_i64().unwrap());
    let edit = values::edit(LOBBY, ann.id, id, Some("second"));
    world.services.batcher.submit(vec![edit]).await.pop().unwrap().unwrap();

    for tab in &mut tabs {
        let history = tab.wait("message_history").await;
        assert_eq!(history["messages"][0]["content"], "second");
    }
    bob.wait("message_updated").await;
    let more = timeout(Duration::from_millis(500), bob.next()).await;
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

    assert_eq!(lengths, [20, 40, 40]);
}
