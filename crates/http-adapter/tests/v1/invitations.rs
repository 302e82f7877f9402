//! Users who want to be asked before they are added to a group.

use serde_json::json;

use crate::client::Client;
use crate::world::World;

#[actix_web::test]
async fn a_user_who_wants_to_be_asked_is_invited() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let bob = Client::new(&world, "bob").await;
    bob.patch("/me", &json!({"added_by": "nobody"})).await.is(200);
    let group = ann.group(&[]).await;
    let path = format!("/conversations/{group}");
    ann.patch(&path, &json!({"title": "Lunch"})).await.is(200);

    let member = json!({"user": bob.id(), "role": "reader"});
    let added = ann.post(&format!("{path}/members"), &member).await.is(201);
    let again = ann.post(&format!("{path}/members"), &member).await;
    let list = bob.get("/me/invitations").await.is(200);
    let unread = bob.get(&path).await;
    let accepted = bob.post(&format!("/me/invitations/{group}/accept"), &json!({})).await.is(200);

    assert_eq!((&added["role"], &added["status"]), (&json!("reader"), &json!("invited")));
    assert_eq!(again.problem(), "already-member");
    let want = json!({
        "items": [{
            "conversation": {
                "id": group, "kind": "group", "title": "Lunch", "topic": null,
                "history": "since_joined", "deleted_at": null,
            },
            "role": "reader", "invited_by": {"id": ann.id(), "username": "ann"},
        }],
        "next": null,
    });
    assert_eq!(list, want);
    assert_eq!(unread.problem(), "not-found");
    assert_eq!((&accepted["id"], &accepted["role"]), (&json!(group), &json!("reader")));
    let none = bob.get("/me/invitations").await.is(200);
    assert_eq!(none, json!({"items": [], "next": null}));
}

#[actix_web::test]
async fn a_new_group_invites_users_who_want_to_be_asked() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let (bob, eve) = (Client::new(&world, "bob").await, Client::new(&world, "eve").await);
    bob.patch("/me", &json!({"added_by": "acquaintances"})).await.is(200);

    let group = ann.group(&[&bob, &eve]).await;

    let members = ann.get(&format!("/conversations/{group}/members")).await.is(200);
    let members = members["items"].as_array().unwrap().iter();
    let statuses: Vec<_> = members.map(|member| member["status"].clone()).collect();
    assert_eq!(statuses, ["active", "invited", "active"]);
    let declined = bob.delete(&format!("/me/invitations/{group}")).await;
    assert_eq!(declined.status, 204);
    let late = bob.post(&format!("/me/invitations/{group}/accept"), &json!({})).await;
    assert_eq!(late.problem(), "not-found");
    eve.get(&format!("/conversations/{group}")).await.is(200);
}

#[actix_web::test]
async fn acquaintances_may_add_each_other() {
    let world = World::new();
    let ann = Client::new(&world, "ann").await;
    let bob = Client::new(&world, "bob").await;
    ann.group(&[&bob]).await;
    bob.patch("/me", &json!({"added_by": "acquaintances"})).await.is(200);

    let second = ann.group(&[&bob]).await;

    bob.get(&format!("/conversations/{second}")).await.is(200);
}
