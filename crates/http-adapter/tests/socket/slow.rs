use std::time::Duration;

use application::ports::SnapshotLimit;
use serde_json::Value;

use crate::client::Raw;
use crate::world::{Options, World, until};

/// Larger than all buffers of a connection.
const TEXT: usize = 60_000;
const MESSAGES: u128 = 150;

fn text(n: u128) -> String {
    format!("{n:>TEXT$}")
}

#[actix_web::test]
async fn a_client_that_never_reads_costs_little_and_is_closed() {
    let mut options = Options::parity();
    options.compat.history = SnapshotLimit { rows: 1, bytes: 1 << 20 };
    options.compat.timeouts.stall = Duration::from_millis(700);
    let world = World::start(options);
    let writer = world.account("writer").await;
    let mut reader = world.enter("reader").await;
    let silent = world.account("silent").await;
    let raw = Raw::connect(world.address, &world.token(&silent)).await;
    world.wait_connections("silent", 1).await;

    let mut most = 0;
    for n in 0..MESSAGES {
        world.post(writer.id, n, &text(n)).await;
        reader.wait_message(&text(n)).await;
        most = most.max(world.services.budget.used());
    }

    assert!(most < 4 << 20, "{most} bytes");
    world.wait_connections("silent", 0).await;
    until(|| world.services.budget.used() < 1 << 20).await;
    drop(raw);
}

#[actix_web::test]
async fn a_lagging_client_gets_a_history_that_misses_nothing() {
    let world = World::start(Options::parity());
    let writer = world.account("writer").await;
    let mut reader = world.enter("reader").await;
    let mut slow = world.enter("slow").await;
    for n in 0..MESSAGES {
        world.post(writer.id, n, &text(n)).await;
        reader.wait_message(&text(n)).await;
    }
    let _newcomer = world.enter("newcomer").await;

    while slow.shown().len() < usize::try_from(MESSAGES).unwrap() {
        slow.next().await;
    }
    world.post(writer.id, MESSAGES, "live again").await;
    slow.wait_message("live again").await;

    assert_eq!(slow.shown(), world.texts().await);
    assert_eq!(slow.count("message_history"), 2);
    assert!(slow.count("chat_message") < 120, "{}", slow.count("chat_message"));
    let three = |frame: &Value| frame["users_online"].as_array().is_some_and(|u| u.len() == 3);
    while !slow.frames.iter().any(three) {
        slow.next().await;
    }
}

#[actix_web::test]
async fn over_the_budget_the_longest_queue_is_dropped_first() {
    let mut options = Options::parity();
    options.settings.queue_hard_bytes = 1 << 30;
    options.budget = 2 << 20;
    let world = World::start(options);
    let writer = world.account("writer").await;
    let mut reader = world.enter("reader").await;
    let mut slow = world.enter("slow").await;
    let mut most = 0;
    for n in 0..MESSAGES {
        world.post(writer.id, n, &text(n)).await;
        reader.wait_message(&text(n)).await;
        most = most.max(world.services.budget.used());
    }

    while slow.shown().len() < usize::try_from(MESSAGES).unwrap() {
        slow.next().await;
    }

    assert_eq!(slow.shown(), world.texts().await);
    assert_eq!(reader.count("message_history"), 1);
    assert!(most < 6 << 20, "{most} bytes");
}
