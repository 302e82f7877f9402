//! The conversations of a user.

use std::sync::Arc;

use domain::{Action, ConversationId, ConversationKind, Pair, Role, UserId};
use futures_util::future::join_all;

use crate::Fixture;
use crate::values::{ban, intent, leave, send};

const LOBBY: ConversationId = ConversationId::LOBBY;

async fn list(fixture: &Fixture, user: UserId) -> Vec<ConversationId> {
    let page = fixture.inbox.conversations(user, None, 100).await.unwrap();
    assert!(!page.more);
    page.entries.iter().map(|entry| entry.conversation.id).collect()
}

/// Unless the user is banned there.
pub async fn every_inbox_contains_the_lobby(fixture: Fixture) {
    let root = fixture.superuser("root").await.id;
    let eve = fixture.user("eve").await;
    let before = list(&fixture, eve).await;

    fixture.one(ban(LOBBY, root, eve)).await.unwrap();

    assert_eq!(before, [LOBBY]);
    assert_eq!(list(&fixture, eve).await, []);
    assert_eq!(fixture.inbox.conversation(eve, LOBBY).await.unwrap(), None);
    assert_eq!(list(&fixture, root).await, [LOBBY]);
}

/// Sending a message and opening count as activity.
pub async fn the_most_recently_active_come_first_in_pages(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let mut groups = Vec::new();
    for _ in 0..4 {
        fixture.clock.advance(std::time::Duration::from_secs(1));
        groups.push(fixture.group(&[(ada, Role::Owner)]).await);
    }
    fixture.clock.advance(std::time::Duration::from_secs(1));
    fixture.message(send(groups[1], ada, 1, "x")).await;

    let (mut pages, mut before) = (Vec::new(), None);
    for _ in 0..4 {
        let page = fixture.inbox.conversations(ada, before, 2).await.unwrap();
        before = page.entries.last().map(application::ports::InboxEntry::cursor);
        pages.extend(page.entries.iter().map(|entry| entry.conversation.id));
        if !page.more {
            break;
        }
    }

    assert_eq!(pages, [groups[1], groups[3], groups[2], groups[0], LOBBY]);
}

/// Their rows stay.
pub async fn left_banned_and_deleted_conversations_are_not_listed(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let (bob, eve) = (fixture.user("bob").await, fixture.user("eve").await);
    let members = [(ada, Role::Owner), (bob, Role::Member), (eve, Role::Member)];
    let group = fixture.group(&members).await;

    fixture.one(leave(group, bob)).await.unwrap();
    fixture.one(ban(group, ada, eve)).await.unwrap();
    let left = [list(&fixture, bob).await, list(&fixture, eve).await];
    fixture.one(intent(group, ada, Action::Close)).await.unwrap();

    assert_eq!(left, [[LOBBY], [LOBBY]]);
    assert_eq!(list(&fixture, ada).await, [LOBBY]);
    assert_eq!(fixture.inbox.conversation(ada, group).await.unwrap(), None);
}

pub async fn two_users_have_one_direct_conversation(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let eve = fixture.user("eve").await;
    let open = async |one, other| {
        let pair = Pair::of(one, other).unwrap();
        fixture.conversations.open_direct(pair).await.unwrap()
    };

    let (first, is_new) = open(ada, bob).await;

    assert!(is_new);
    assert_eq!(open(bob, ada).await, (first, false));
    assert_ne!(open(ada, eve).await.0, first);
    let (conversation, member) = fixture.membership(first, ada).await;
    assert_eq!(conversation.kind, ConversationKind::Direct(Pair::of(ada, bob).unwrap()));
    assert_eq!(member.unwrap().role, Role::Member);
    assert_eq!(fixture.membership(first, eve).await.1, None);
}

/// One of them opens it.
pub async fn racing_openings_return_the_same_direct_conversation(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    for n in 0..10 {
        let other = fixture.user(&format!("other{n}")).await;
        let pair = Pair::of(ada, other).unwrap();
        let openings = (0..4).map(|_| {
            let store = Arc::clone(&fixture.conversations);
            tokio::spawn(async move { store.open_direct(pair).await.unwrap() })
        });

        let opened: Vec<_> = join_all(openings).await.into_iter().map(Result::unwrap).collect();

        assert_eq!(opened.iter().filter(|(_, is_new)| *is_new).count(), 1, "{opened:?}");
        assert!(opened.iter().all(|(id, _)| *id == opened[0].0), "{opened:?}");
    }
    assert_eq!(list(&fixture, ada).await.len(), 11);
}

/// For both users.
pub async fn a_direct_conversation_names_the_other_user(fixture: Fixture) {
    let (ada, bob) = (fixture.account("ada").await, fixture.account("bob").await);
    let pair = Pair::of(ada.id, bob.id).unwrap();
    let (id, _) = fixture.conversations.open_direct(pair).await.unwrap();

    for (one, other) in [(&ada, &bob), (&bob, &ada)] {
        let entry = fixture.inbox.conversation(one.id, id).await.unwrap().unwrap();
        assert_eq!(entry.other, Some((other.id, other.username.clone())));
    }
}
