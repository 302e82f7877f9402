//! The conversations of a user.

use std::sync::Arc;

use domain::{Action, ConversationId, ConversationKind, Pair, Role, UserId};
use futures_util::future::join_all;

use crate::Fixture;
use crate::values::{ban, delete, intent, leave, send};

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
    fixture.one(intent(group, ada, Action::DeleteConversation)).await.unwrap();

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
    for n in 0..10_u128 {
        let other = fixture.user(&format!("other{n}")).await;
        let pair = Pair::of(ada, other).unwrap();
        let openings = (0..4).map(|_| {
            let store = Arc::clone(&fixture.conversations);
            tokio::spawn(async move { store.open_direct(pair).await.unwrap() })
        });

        let opened: Vec<_> = join_all(openings).await.into_iter().map(Result::unwrap).collect();

        assert_eq!(opened.iter().filter(|(_, is_new)| *is_new).count(), 1, "{opened:?}");
        assert!(opened.iter().all(|(id, _)| *id == opened[0].0), "{opened:?}");
        fixture.message(send(opened[0].0, ada, n, "x")).await;
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

/// Opening it changes nobody's inbox, and the first message changes both.
pub async fn a_direct_conversation_is_listed_from_its_first_message_on(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let eve = fixture.user("eve").await;
    let versions = async || {
        let versions = fixture.accounts.versions(&[ada, bob, eve]).await.unwrap();
        let mut versions: Vec<_> = versions.iter().map(|found| (found.user, found.inbox)).collect();
        versions.sort_unstable();
        versions
    };
    let before = versions().await;

    let (direct, _) = fixture.conversations.open_direct(Pair::of(ada, bob).unwrap()).await.unwrap();
    let (empty, _) = fixture.conversations.open_direct(Pair::of(ada, eve).unwrap()).await.unwrap();
    assert_eq!(versions().await, before);
    assert_eq!((list(&fixture, ada).await, list(&fixture, bob).await), (vec![LOBBY], vec![LOBBY]));
    for user in [ada, bob] {
        let entry = fixture.inbox.conversation(user, direct).await.unwrap().unwrap();
        assert_eq!((entry.conversation.id, entry.unread()), (direct, 0));
    }

    let first = fixture.message(send(direct, ada, 1, "x")).await;
    let after = versions().await;
    fixture.commit(vec![send(direct, bob, 1, "y"), delete(direct, ada, first.id)]).await;

    assert!(after[0] > before[0] && after[1] > before[1], "{before:?} {after:?}");
    assert_eq!(after[2], before[2], "{empty} is still empty");
    assert_eq!(versions().await, after);
    for user in [ada, bob] {
        assert_eq!(list(&fixture, user).await, [direct, LOBBY]);
    }
    assert_eq!(list(&fixture, eve).await, [LOBBY]);
}
