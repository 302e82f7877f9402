//! Many clients that connect at once.

use std::collections::HashMap;

use tokio::task::JoinSet;

use crate::support::{server::Server, socket::Received};

/// Well below the usual limit of 1,024 open files per process.
const SOCKETS: usize = 500;
/// Frames that each may get until all are connected; one per other client would be 2 × 500.
const FRAMES_EACH: usize = 30;

#[tokio::test(flavor = "multi_thread")]
async fn connecting_together_does_not_cost_a_frame_per_pair() {
    let server = Server::start(&[]).await;
    let mut names: Vec<String> = Vec::new();
    let mut arrivals = JoinSet::new();
    let mut users = Vec::new();
    for number in 0..SOCKETS {
        let name = format!("user-{number:04}");
        users.push(server.register(&name).await);
        names.push(name);
    }

    for user in users {
        arrivals.spawn(async move { user.socket().await });
    }
    let mut sockets = arrivals.join_all().await;

    let mut kinds: HashMap<String, usize> = HashMap::new();
    for socket in &mut sockets {
        let all = |received: &Received| received.online().is_some_and(|online| online == names);
        let received = socket.wait_for("all users are online", all).await;
        assert_eq!(received.frames[0]["type"], "message_history");
        for frame in &received.frames {
            *kinds.entry(frame["type"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    let frames: usize = kinds.values().sum();
    assert!(frames <= SOCKETS * FRAMES_EACH, "{frames} frames for {SOCKETS} sockets: {kinds:?}");

    assert!(sockets[0].send_and_confirm("all here?").await.is_some());
    for socket in &mut sockets {
        socket.wait_for_message("all here?").await;
    }
}
