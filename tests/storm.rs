//! Everybody comes at once.

use std::collections::HashMap;

use tokio::task::JoinSet;

use crate::support::{server::Server, socket::Heard};

/// As many as fit well into the 1,024 open files that a process is usually granted.
const SOCKETS: usize = 500;
/// Frames that one of them may get until all are there: far from one for each
/// of the others, which would be 2 × 500.
const FRAMES_EACH: usize = 30;

#[tokio::test(flavor = "multi_thread")]
async fn many_sockets_that_come_together_do_not_cost_a_frame_for_each_pair() {
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
        let all = |heard: &Heard| heard.online().is_some_and(|online| online == names);
        let heard = socket.hears("everybody is online", all).await;
        assert_eq!(heard.frames[0]["type"], "message_history");
        for frame in &heard.frames {
            *kinds.entry(frame["type"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    let frames: usize = kinds.values().sum();
    assert!(frames <= SOCKETS * FRAMES_EACH, "{frames} frames for {SOCKETS} sockets: {kinds:?}");

    assert!(sockets[0].tell("all here?").await.is_some());
    for socket in &mut sockets {
        socket.hears_message("all here?").await;
    }
}
