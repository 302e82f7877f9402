//! Members, roles, invitations and moderation by superusers.

use application::ports::AccountStore as _;
use domain::UserId;
use serde_json::{Value, json};

use crate::client::Client;
use crate::world::World;

#[actix_web::test]
async fn added_members_see_what_follows() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let bob = Client::new(&world, "bob").await;
    let group = ann.group(&[]).await;
    ann.send_message(group, "before").await;
    let path = format!("/conversations/{group}");
    assert_eq!(bob.get(&path).await.problem(), "not-found");

    let member = json!({"user": bob.id(), "role": "reader"});
    let added = ann.post(&format!("{path}/members"), &member).await.is(201);
    let again = ann.post(&format!("{path}/members"), &member).await;
    ann.send_message(group, "after").await;

    assert_eq!((&added["role"], &added["status"]), (&json!("reader"), &json!("active")));
    assert_eq!(again.problem(), "already-member");
    let page = bob.get(&format!("{path}/messages")).await.is(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    assert_eq!(page["items"][0]["body"], "after");
    let send = bob.post(&format!("{path}/messages"), &json!({"body": "x"})).await;
    assert_eq!(send.problem(), "forbidden");
    ann.patch(&path, &json!({"history": "all"})).await.is(200);
    let all = bob.get(&format!("{path}/messages")).await.is(200);
    assert_eq!(all["items"].as_array().unwrap().len(), 2);
    let members = bob.get(&format!("{path}/members?limit=1")).await.is(200);
    let next = members["next"].as_str().unwrap();
    let rest = bob.get(&format!("{path}/members?limit=1&after={next}")).await.is(200);
    assert_eq!(rest["items"][0]["user"]["username"], "bob");
}

#[actix_web::test]
async fn owners_transfer_ownership_and_the_last_one_cannot_leave() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let bob = Client::new(&world, "bob").await;
    let group = ann.group(&[&bob]).await;
    let path = format!("/conversations/{group}");

    assert_eq!(ann.delete(&format!("{path}/members/me")).await.problem(), "last-owner");
    let demote =
        ann.patch(&format!("{path}/members/{}", ann.id()), &json!({"role": "member"})).await;
    assert_eq!(demote.problem(), "last-owner");
    assert_eq!(ann.put(&format!("{path}/owner"), &json!({"user": bob.id()})).await.status, 204);
    assert_eq!(ann.get(&path).await.is(200)["role"], "admin");
    assert_eq!(bob.get(&path).await.is(200)["role"], "owner");
    assert_eq!(ann.delete(&format!("{path}/members/me")).await.status, 204);
    assert_eq!(ann.get(&path).await.problem(), "not-found");
}

#[actix_web::test]
async fn admins_remove_silence_and_ban_lower_roles() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let bob = Client::new(&world, "bob").await;
    let eve = Client::new(&world, "eve").await;
    let group = ann.group(&[&bob, &eve]).await;
    let path = format!("/conversations/{group}");
    let member = |who: &Client<'_>| format!("{path}/members/{}", who.id());
    ann.patch(&member(&bob), &json!({"role": "admin"})).await.is(200);

    let until = json!({"until": "2999-01-01T00:00:00Z"});
    let silenced = bob.put(&format!("{}/silence", member(&eve)), &until).await.is(200);
    let send = async || eve.post(&format!("{path}/messages"), &json!({"body": "x"})).await;
    assert_eq!(silenced["silenced_until"], "2999-01-01T00:00:00.000000Z");
    assert_eq!(send().await.problem(), "silenced");
    bob.delete(&format!("{}/silence", member(&eve))).await.is(200);
    send().await.is(201);
    assert_eq!(bob.delete(&member(&ann)).await.problem(), "forbidden");
    assert_eq!(eve.delete(&member(&bob)).await.problem(), "forbidden");
    bob.put(&format!("{}/ban", member(&eve)), &json!({})).await.is(200);
    assert_eq!(eve.get(&path).await.problem(), "banned");
    bob.delete(&format!("{}/ban", member(&eve))).await.is(200);
    assert_eq!(eve.get(&path).await.problem(), "not-found");
}

#[actix_web::test]
async fn invitations_and_silences_must_end_in_the_future() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let bob = Client::new(&world, "bob").await;
    let group = ann.group(&[&bob]).await;
    let path = format!("/conversations/{group}");
    let past = "2000-01-01T00:00:00Z";

    let invite = ann.post(&format!("{path}/invites"), &json!({"expires_at": past})).await;
    let silence = format!("{path}/members/{}/silence", bob.id());
    let silence = ann.put(&silence, &json!({"until": past})).await;

    for (answer, field) in [(invite, "expires_at"), (silence, "until")] {
        assert_eq!(answer.status, 400, "{}", answer.body);
        assert_eq!(answer.errors(), [(field.to_owned(), "future".to_owned())]);
    }
}

#[actix_web::test]
async fn invitations_work_until_used_up_or_revoked() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let bob = Client::new(&world, "bob").await;
    let eve = Client::new(&world, "eve").await;
    let group = ann.group(&[]).await;
    let path = format!("/conversations/{group}/invites");

    let once = ann.post(&path, &json!({"max_uses": 1})).await.is(201);
    let open = ann.post(&path, &json!({"role": "reader"})).await.is(201);
    let code = |invite: &Value| invite["code"].as_str().unwrap().to_owned();
    let join = async |who: &Client<'_>, invite: &Value| {
        who.post(&format!("/invites/{}/join", code(invite)), &json!({})).await
    };

    let preview = bob.get(&format!("/invites/{}", code(&once))).await.is(200);
    assert_eq!(
        (&preview["role"], &preview["conversation"]["title"]),
        (&json!("member"), &json!("G"))
    );
    assert_eq!(join(&bob, &once).await.is(200)["role"], "member");
    join(&bob, &once).await.is(200);
    assert_eq!(join(&eve, &once).await.problem(), "not-found");
    assert_eq!(ann.get(&path).await.is(200)["items"].as_array().unwrap().len(), 2);
    assert_eq!(bob.get(&path).await.problem(), "forbidden");
    assert_eq!(bob.post(&path, &json!({})).await.problem(), "forbidden");
    assert_eq!(ann.delete(&format!("{path}/{}", code(&open))).await.status, 204);
    assert_eq!(join(&eve, &open).await.problem(), "not-found");
    assert_eq!(ann.delete(&format!("{path}/{}", code(&open))).await.problem(), "not-found");
    let owner = ann.post(&path, &json!({"role": "owner"})).await;
    assert_eq!(owner.problem(), "forbidden");
}

#[actix_web::test]
async fn an_invitation_ends_with_the_rights_of_its_maker() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let bob = Client::new(&world, "bob").await;
    let eve = Client::new(&world, "eve").await;
    let group = ann.group(&[&bob]).await;
    let member = format!("/conversations/{group}/members/{}", bob.id());
    ann.patch(&member, &json!({"role": "admin"})).await.is(200);
    let invite = bob.post(&format!("/conversations/{group}/invites"), &json!({})).await.is(201);
    let path = format!("/invites/{}", invite["code"].as_str().unwrap());
    eve.get(&path).await.is(200);

    ann.patch(&member, &json!({"role": "member"})).await.is(200);

    assert_eq!(eve.get(&path).await.problem(), "not-found");
    assert_eq!(eve.post(&format!("{path}/join"), &json!({})).await.problem(), "not-found");
    ann.patch(&member, &json!({"role": "admin"})).await.is(200);
    eve.post(&format!("{path}/join"), &json!({})).await.is(200);
}

#[actix_web::test]
async fn a_superuser_gives_a_group_of_disabled_owners_to_a_member() {
    let world = World::new();
    let root = Client::new(&world, "root").await;
    world.chat.make_superuser(UserId::new(root.id()));
    let ann = Client::new(&world, "ann").await;
    let bob = Client::new(&world, "bob").await;
    let group = ann.group(&[&bob]).await;
    let member = format!("/conversations/{group}/members/{}", bob.id());
    let owner = json!({"role": "owner"});
    assert_eq!(root.patch(&member, &owner).await.problem(), "not-found");

    world.chat.set_active(UserId::new(ann.id()), false).await.unwrap();
    let given = root.patch(&member, &owner).await.is(200);

    assert_eq!(given["role"], "owner");
    assert_eq!(root.patch(&member, &owner).await.problem(), "not-found");
    assert_eq!(root.get(&format!("/conversations/{group}")).await.problem(), "not-found");
    let log = root.get("/moderation-log").await.is(200);
    assert_eq!(log["items"][0]["act"], "assign_owner");
    assert_eq!(log["items"][0]["user"], bob.id());
    let last = bob.delete(&format!("/conversations/{group}/members/me")).await;
    assert_eq!(last.problem(), "last-owner");
}

#[actix_web::test]
async fn moderators_remove_reactions_of_others() {
    let world = World::new();
    let root = Client::new(&world, "root").await;
    world.chat.make_superuser(UserId::new(root.id()));
    let (ann, bob) = (Client::new(&world, "ann").await, Client::new(&world, "bob").await);
    let group = ann.group(&[&bob]).await;
    let message = ann.send_message(group, "look").await;
    let path = format!("/conversations/{group}/messages/{}", message["id"]);
    let reaction = |emoji: &str| format!("{path}/reactions/{emoji}");
    for emoji in [":a:", ":b:"] {
        ann.put(&reaction(emoji), &json!({})).await.is(200);
        bob.put(&reaction(emoji), &json!({})).await.is(200);
    }
    let of = |emoji: &str, who: &Client<'_>| format!("{}/{}", reaction(emoji), who.id());

    assert_eq!(bob.delete(&of(":a:", &ann)).await.problem(), "forbidden");
    assert_eq!(ann.delete(&of(":a:", &bob)).await.status, 204);
    assert_eq!(root.delete(&of(":b:", &bob)).await.status, 204);

    let left = bob.get(&path).await.is(200);
    let users = json!([ann.id()]);
    let want = json!([{"emoji": ":a:", "users": users}, {"emoji": ":b:", "users": users}]);
    assert_eq!(left["reactions"], want);
    let log = root.get("/moderation-log").await.is(200);
    let entry = &log["items"][0];
    assert_eq!((&entry["act"], &entry["user"]), (&json!("unreact"), &json!(bob.id())));
    assert_eq!((log["items"].as_array().unwrap().len(), &entry["message"]), (1, &message["id"]));
}

/// Also of one who has left before, and from messages that the moderator does not see.
#[actix_web::test]
async fn reactions_go_with_a_ban() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let (bob, eve) = (Client::new(&world, "bob").await, Client::new(&world, "eve").await);
    let group = ann.group(&[&bob, &eve]).await;
    let path = format!("/conversations/{group}");
    let mut messages = Vec::new();
    for n in 0..3 {
        let message = ann.send_message(group, &format!("text {n}")).await;
        let one = format!("{path}/messages/{}", message["id"]);
        for who in [&bob, &eve] {
            who.put(&format!("{one}/reactions/:a:"), &json!({})).await.is(200);
        }
        messages.push(one);
    }
    let member = |who: &Client<'_>| format!("{path}/members/{}", who.id());

    ann.put(&format!("{}/ban", member(&bob)), &json!({})).await.is(200);
    for one in &messages {
        let reactions = ann.get(one).await.is(200)["reactions"].clone();
        assert_eq!(reactions, json!([{"emoji": ":a:", "users": [eve.id()]}]));
    }
    assert_eq!(eve.delete(&format!("{path}/members/me")).await.status, 204);
    ann.put(&format!("{}/ban", member(&eve)), &json!({})).await.is(200);

    for one in &messages {
        assert_eq!(ann.get(one).await.is(200)["reactions"], json!([]));
    }
}

#[actix_web::test]
async fn superuser_actions_outside_their_groups_are_logged() {
    let world = World::new();
    let root = Client::new(&world, "root").await;
    world.chat.make_superuser(UserId::new(root.id()));
    let ann = Client::new(&world, "ann").await;
    let eve = Client::new(&world, "eve").await;
    let group = ann.group(&[&eve]).await;
    let message = eve.send_message(group, "spam").await;
    let path = format!("/conversations/{group}");

    let gone = root.delete(&format!("{path}/messages/{}", message["id"])).await;
    root.put(&format!("{path}/members/{}/ban", eve.id()), &json!({})).await.is(200);
    let until = json!({"until": "2999-01-01T00:00:00Z"});
    let lobby = format!("/conversations/1/members/{}/silence", eve.id());
    root.put(&lobby, &until).await.is(200);
    let direct = ann.put(&format!("/direct/{}", eve.id()), &json!({})).await.is(201);
    let private = ann.send_message(direct["id"].as_i64().unwrap(), "ours").await;
    let private = format!("/conversations/{}/messages/{}", direct["id"], private["id"]);

    assert_eq!(gone.status, 204);
    assert_eq!(root.get(&path).await.problem(), "not-found", "it moderates and does not read");
    assert_eq!(root.delete(&private).await.problem(), "not-found");
    let log = root.get("/moderation-log").await.is(200);
    let acts: Vec<_> = log["items"].as_array().unwrap().iter().map(|entry| &entry["act"]).collect();
    assert_eq!(acts, ["silence", "ban", "delete_message"]);
    assert_eq!(log["items"][2]["message"], message["id"]);
    assert_eq!(ann.get("/moderation-log").await.problem(), "forbidden");
}
