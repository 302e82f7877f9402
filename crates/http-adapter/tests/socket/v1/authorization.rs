//! What each role may do over the socket, to its own, other and hidden messages: the same as over
//! REST.

use super::kind;
use crate::scene::{ACTORS, ON_REST_AND_SOCKET, Scene, outcome};
use crate::world::{Options, World};

/// The outcome of a frame by this actor, in a new scene.
async fn attempt(actor: usize, frame: &str) -> String {
    let world = World::start(Options { workers: 1, ..Options::default_profile() });
    let scene = Scene::set(&world.chat).await;
    let (mut client, _) = world.hello(&scene.users[actor]).await;
    let token = testkit::PlainSigner::for_v1(&world.token(&scene.users[actor]));
    let frame = scene.name(actor, frame).replace("{token}", &token);

    let answer = client.ask(serde_json::from_str(&frame).unwrap()).await;

    if answer["type"] == "error" { kind(&answer).to_owned() } else { "done".to_owned() }
}

async fn check(frame: &str, want: &str) {
    for (actor, letter) in want.chars().enumerate() {
        let got = attempt(actor, frame).await;

        assert_eq!(got, outcome(letter), "{} {frame}", ACTORS[actor]);
    }
}

#[actix_web::test]
async fn socket_commands_have_the_rights_of_rest() {
    for operation in ON_REST_AND_SOCKET {
        check(operation.frame, operation.want).await;
    }
}

#[actix_web::test]
async fn commands_of_the_socket_alone_check_rights() {
    let rows = [
        (r#"{"type": "typing", "conversation": {group}}"#, "...fnbnn"),
        // Unsubscribing always succeeds, also from a hidden conversation.
        (r#"{"type": "unsubscribe", "conversation": {group}}"#, "........"),
        (r#"{"type": "auth", "token": "{token}"}"#, "........"),
        (r#"{"type": "ping"}"#, "........"),
    ];
    for (frame, want) in rows {
        check(frame, want).await;
    }
}
