//! Creating groups.

use std::sync::Arc;

use domain::{ConversationId, Details, HistoryRule, NewGroup, Refusal, Role, Title, Topic, UserId};
use futures_util::future::join_all;

use crate::Fixture;
use crate::values::{intent, new_group};

async fn groups(fixture: &Fixture, user: UserId) -> Vec<ConversationId> {
    let page = fixture.inbox.conversations(user, None, 100).await.unwrap();
    let ids = page.entries.iter().map(|entry| entry.conversation.id);
    ids.filter(|id| *id != ConversationId::LOBBY).collect()
}

/// Whatever the order of its members, and whatever became of the group.
pub async fn a_retry_returns_the_first_group(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let new = new_group(vec![(ada, Role::Owner), (bob, Role::Member)]);
    let create =
        async |new: &NewGroup| fixture.conversations.create_group(new.clone()).await.unwrap();
    assert_eq!(fixture.conversations.created_group(&new).await.unwrap(), None);

    let (group, is_new) = create(&new).await.unwrap();
    let versions = fixture.accounts.versions(&[ada, bob]).await.unwrap();
    let reversed = NewGroup { members: new.members.iter().rev().copied().collect(), ..new.clone() };

    assert!(is_new);
    for again in [&new, &reversed] {
        assert_eq!(create(again).await, Ok((group, false)));
        let known = fixture.conversations.created_group(again).await.unwrap();
        assert_eq!(known, Some(Ok(group)));
    }
    assert_eq!(groups(&fixture, bob).await, [group]);
    assert_eq!(fixture.accounts.versions(&[ada, bob]).await.unwrap(), versions);
    fixture.one(intent(group, ada, domain::Action::DeleteConversation)).await.unwrap();
    assert_eq!(create(&new).await, Ok((group, false)));
}

/// Nothing is created.
pub async fn a_client_id_with_another_group_is_refused(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let first = new_group(vec![(ada, Role::Owner)]);
    let (group, _) = fixture.conversations.create_group(first.clone()).await.unwrap().unwrap();
    let with = |details| NewGroup { details, ..first.clone() };
    let title = Some(Title::parse("T").unwrap());
    let topic = Some(Topic::parse("T").unwrap());

    for other in [
        with(Details { title, ..Details::default() }),
        with(Details { topic, ..Details::default() }),
        with(Details { history: HistoryRule::All, ..Details::default() }),
        NewGroup { members: vec![(ada, Role::Owner), (bob, Role::Member)], ..first.clone() },
        NewGroup { members: vec![(ada, Role::Admin)], ..first.clone() },
    ] {
        let refused = fixture.conversations.create_group(other.clone()).await.unwrap();
        assert_eq!(refused, Err(Refusal::ClientIdReused), "{other:?}");
        let known = fixture.conversations.created_group(&other).await.unwrap();
        assert_eq!(known, Some(Err(Refusal::ClientIdReused)), "{other:?}");
    }
    assert_eq!(groups(&fixture, ada).await, [group]);
    assert_eq!(groups(&fixture, bob).await, []);
}

pub async fn a_client_id_belongs_to_one_creator(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let of_ada = new_group(vec![(ada, Role::Owner), (bob, Role::Owner)]);
    let of_bob = NewGroup { creator: bob, ..of_ada.clone() };

    let (first, _) = fixture.conversations.create_group(of_ada).await.unwrap().unwrap();
    let (second, is_new) = fixture.conversations.create_group(of_bob).await.unwrap().unwrap();

    assert!(is_new && first != second);
}

pub async fn racing_retries_create_one_group(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    for round in 1..=5 {
        let new = new_group(vec![(ada, Role::Owner), (bob, Role::Member)]);
        let creating = (0..6).map(|_| {
            let (store, new) = (Arc::clone(&fixture.conversations), new.clone());
            tokio::spawn(async move { store.create_group(new).await.unwrap().unwrap() })
        });

        let created: Vec<_> = join_all(creating).await.into_iter().map(Result::unwrap).collect();

        assert_eq!(created.iter().filter(|(_, is_new)| *is_new).count(), 1, "{created:?}");
        assert!(created.iter().all(|(id, _)| *id == created[0].0), "{created:?}");
        assert_eq!(groups(&fixture, bob).await.len(), round);
    }
}
