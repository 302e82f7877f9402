//! Unread messages and mentions.

use application::ports::InboxEntry;
use domain::{Action, ConversationId, MsgNo, Role, UserId};

use crate::Fixture;
use crate::values::{delete, edit, intent, send};

const LOBBY: ConversationId = ConversationId::LOBBY;

async fn entry(fixture: &Fixture, user: UserId, id: ConversationId) -> InboxEntry {
    fixture.inbox.conversation(user, id).await.unwrap().unwrap()
}

async fn read(fixture: &Fixture, user: UserId, id: ConversationId, no: i64) -> Option<i64> {
    let marker = fixture.inbox.mark_read(user, id, MsgNo::new(no)).await.unwrap();
    marker.map(|marked| marked.read_no.get())
}

/// In the list and in the single entry.
pub async fn messages_after_the_read_marker_are_unread(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let group = fixture.group(&[(ada, Role::Owner), (bob, Role::Member)]).await;
    for n in 1..=3 {
        fixture.message(send(group, ada, n, "x")).await;
    }

    let before = entry(&fixture, bob, group).await;
    assert_eq!(read(&fixture, bob, group, 2).await, Some(2));

    let page = fixture.inbox.conversations(bob, None, 10).await.unwrap();
    let after = page.entries.iter().find(|entry| entry.conversation.id == group).unwrap();
    assert_eq!((before.unread(), after.unread()), (3, 1));
    assert_eq!(*after, entry(&fixture, bob, group).await);
}

/// Users have no marker where they may not read.
pub async fn a_read_marker_moves_forward_up_to_the_head(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let group = fixture.group(&[(ada, Role::Owner)]).await;
    for n in 1..=3 {
        fixture.message(send(group, ada, n, "x")).await;
    }

    let moves = [read(&fixture, ada, group, 1).await, read(&fixture, ada, group, i64::MAX).await];

    assert_eq!(moves, [Some(3), Some(3)]);
    assert_eq!(read(&fixture, bob, group, 1).await, None);
    assert_eq!(read(&fixture, bob, ConversationId::new(999), 1).await, None);
}

/// In one batch or in several.
pub async fn sending_moves_the_own_read_marker(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let group = fixture.group(&[(ada, Role::Owner), (bob, Role::Member)]).await;

    fixture
        .commit(vec![send(group, ada, 1, "a"), send(group, bob, 1, "b"), send(group, ada, 2, "c")])
        .await;

    assert_eq!(entry(&fixture, ada, group).await.unread(), 0);
    assert_eq!(entry(&fixture, bob, group).await.unread(), 1);
}

/// Each message counts once, however often it mentions the user.
pub async fn mentions_count_until_they_are_read(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let eve = fixture.user("eve").await;
    let members = [(ada, Role::Owner), (bob, Role::Member), (eve, Role::Member)];
    let group = fixture.group(&members).await;
    let texts = ["@bob and @bob", "hello", "@all @bob", "@eve", "@nobody"];
    for (n, text) in (1..).zip(texts) {
        fixture.message(send(group, ada, n, text)).await;
    }
    fixture.message(send(group, eve, 1, "@all")).await;

    let mentions = async |user| entry(&fixture, user, group).await.unread_mentions;
    assert_eq!((mentions(bob).await, mentions(eve).await, mentions(ada).await), (2, 0, 0));
    read(&fixture, bob, group, 1).await;
    assert_eq!(mentions(bob).await, 1);
    fixture.inbox.set_blocked(bob, ada, true).await.unwrap();
    assert_eq!(mentions(bob).await, 0, "a message that the user may not see mentions no user");
    fixture.inbox.set_blocked(bob, ada, false).await.unwrap();
    read(&fixture, bob, group, 6).await;
    assert_eq!(mentions(bob).await, 0);
}

/// Another edit may add one. A reaction does not change it.
pub async fn edits_and_deletions_remove_mentions(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let group = fixture.group(&[(ada, Role::Owner), (bob, Role::Member)]).await;
    let first = fixture.message(send(group, ada, 1, "@bob")).await.id;
    let second = fixture.message(send(group, ada, 2, "@bob")).await.id;
    let third = fixture.message(send(group, ada, 3, "nobody")).await.id;
    let emoji = domain::Emoji::parse(":x:").unwrap();
    let react = Action::React { message: second, emoji, present: true };
    let mentions = async || entry(&fixture, bob, group).await.unread_mentions;

    fixture.message(intent(group, bob, react)).await;
    let before = mentions().await;
    fixture.message(edit(group, ada, first, Some("nobody"))).await;
    fixture.message(delete(group, ada, second)).await;
    let none = mentions().await;
    fixture.message(edit(group, ada, third, Some("@bob"))).await;

    assert_eq!((before, none, mentions().await), (2, 0, 1));
}

/// Earlier messages are not unread.
pub async fn the_lobby_is_read_until_the_first_visit(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    fixture.message(send(LOBBY, ada, 1, "old")).await;

    let before = entry(&fixture, bob, LOBBY).await;
    read(&fixture, bob, LOBBY, 1).await;
    fixture.message(send(LOBBY, ada, 2, "@bob new")).await;
    let after = entry(&fixture, bob, LOBBY).await;

    assert_eq!((before.unread(), before.member), (0, None));
    assert_eq!((after.unread(), after.unread_mentions), (1, 1));
    assert_eq!(after.member.unwrap().seq_last.get(), 0, "a row is no change");
}

/// Before the user has a read marker there. In the list and in the single entry.
pub async fn mentions_in_the_lobby_count_from_the_sign_up_on(fixture: Fixture) {
    let root = fixture.superuser("root").await.id;
    fixture.message(send(LOBBY, root, 1, "@all, @bob is coming")).await;
    let bob = fixture.user("bob").await;
    let mentions = async |user| entry(&fixture, user, LOBBY).await.unread_mentions;

    let at_first = mentions(bob).await;
    for (n, text) in (2..).zip(["@BOB", "@all", "nobody"]) {
        fixture.message(send(LOBBY, root, n, text)).await;
    }

    let page = fixture.inbox.conversations(bob, None, 10).await.unwrap();
    assert_eq!(page.entries, [entry(&fixture, bob, LOBBY).await]);
    assert_eq!((at_first, mentions(bob).await, mentions(root).await), (0, 2, 0));
    fixture.inbox.set_blocked(bob, root, true).await.unwrap();
    assert_eq!(mentions(bob).await, 0);
    fixture.inbox.set_blocked(bob, root, false).await.unwrap();
    read(&fixture, bob, LOBBY, 4).await;
    assert_eq!(mentions(bob).await, 0);
}

/// Also when it joins again.
pub async fn a_new_member_has_nothing_unread(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let group = fixture.group(&[(ada, Role::Owner)]).await;
    fixture.message(send(group, ada, 1, "before")).await;
    let add = || intent(group, ada, Action::Add { user: bob, role: Role::Member });

    fixture.one(add()).await.unwrap();
    let first = entry(&fixture, bob, group).await.unread();
    fixture.one(intent(group, bob, Action::Leave)).await.unwrap();
    fixture.message(send(group, ada, 2, "meanwhile")).await;
    fixture.one(add()).await.unwrap();
    let second = entry(&fixture, bob, group).await.unread();
    fixture.message(send(group, ada, 3, "after")).await;

    assert_eq!((first, second, entry(&fixture, bob, group).await.unread()), (0, 0, 1));
}

/// It is not a change of the conversation.
pub async fn muting_affects_only_the_own_inbox(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let group = fixture.group(&[(ada, Role::Owner), (bob, Role::Member)]).await;

    assert!(fixture.inbox.set_muted(bob, group, true).await.unwrap());
    assert!(fixture.inbox.set_muted(bob, LOBBY, true).await.unwrap());
    assert!(!fixture.inbox.set_muted(bob, ConversationId::new(999), true).await.unwrap());

    let muted = [entry(&fixture, bob, group).await.muted, entry(&fixture, bob, LOBBY).await.muted];
    assert_eq!((muted, entry(&fixture, ada, group).await.muted), ([true, true], false));
    assert_eq!(fixture.head(group).await.seq.get(), 0);
}
