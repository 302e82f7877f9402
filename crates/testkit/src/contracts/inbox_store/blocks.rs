//! Blocks, `inbox_version` and `view_version`.

use application::ports::{ContactStatus, InboxVersion};
use domain::{Action, ConversationId, HistoryRule, MsgNo, Refusal, Role, Update, UserId};

use crate::Fixture;
use crate::values::{intent, send};

const LOBBY: ConversationId = ConversationId::LOBBY;

/// Blocking twice changes nothing.
pub async fn blocks_last_until_they_are_removed(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.account("bob").await);
    let eve = fixture.account("eve").await;
    let pair = domain::Pair::of(ada, eve.id).unwrap();
    let (direct, _) = fixture.conversations.open_direct(pair).await.unwrap();
    for user in [eve.id, bob.id, eve.id] {
        fixture.inbox.set_blocked(ada, user, true).await.unwrap();
    }

    let blocked = fixture.inbox.blocked_by(ada).await.unwrap();
    let refused = fixture.one(send(direct, eve.id, 1, "x")).await;
    fixture.one(send(direct, ada, 1, "y")).await.unwrap();
    fixture.inbox.set_blocked(ada, eve.id, false).await.unwrap();

    assert_eq!(blocked, [(bob.id, bob.username.clone()), (eve.id, eve.username)]);
    assert_eq!(refused, Err(Refusal::Blocked));
    assert!(fixture.one(send(direct, eve.id, 1, "x")).await.is_ok());
    assert_eq!(fixture.inbox.blocked_by(ada).await.unwrap(), [(bob.id, bob.username)]);
    assert_eq!(fixture.inbox.blocked_by(eve.id).await.unwrap(), []);
}

/// Nothing else does.
pub async fn private_changes_raise_the_inbox_version(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let inbox_version = async |user: UserId| -> InboxVersion {
        fixture.accounts.versions(&[user]).await.unwrap()[0].inbox
    };
    let mut last = inbox_version(bob).await;
    let mut rises = async |what: &str, rise: bool| {
        let now = inbox_version(bob).await;
        assert_eq!(now > last, rise, "{what}: {last:?} and then {now:?}");
        last = now;
    };

    let group = fixture.group(&[(ada, Role::Owner), (bob, Role::Member)]).await;
    rises("a group is opened", true).await;
    fixture.message(send(group, ada, 1, "x")).await;
    rises("a message is sent", false).await;
    fixture.inbox.mark_read(bob, group, MsgNo::new(1)).await.unwrap();
    rises("it is read", true).await;
    fixture.inbox.mark_read(bob, group, MsgNo::new(1)).await.unwrap();
    rises("it is read again", false).await;
    fixture.inbox.set_blocked(bob, ada, true).await.unwrap();
    rises("a user is blocked", true).await;
    fixture.inbox.set_blocked(bob, ada, true).await.unwrap();
    rises("a user is blocked again", false).await;
    fixture.inbox.set_muted(bob, group, true).await.unwrap();
    rises("a group is muted", true).await;
    fixture.one(intent(group, ada, Action::Remove { user: bob })).await.unwrap();
    rises("the user is removed", true).await;
    assert_eq!(fixture.inbox.conversations(bob, None, 9).await.unwrap().inbox_version, last);
}

/// In every conversation, and again when it is removed.
pub async fn a_block_raises_every_view_version(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let group = fixture.group(&[(ada, Role::Owner), (bob, Role::Member)]).await;
    let views = async |user| {
        let page = fixture.inbox.conversations(user, None, 9).await.unwrap();
        page.entries.iter().map(|entry| entry.view_version).collect::<Vec<_>>()
    };
    let (first, of_ada) = (views(bob).await, views(ada).await);

    fixture.inbox.set_blocked(bob, ada, true).await.unwrap();
    let second = views(bob).await;
    fixture.inbox.set_blocked(bob, ada, false).await.unwrap();
    let third = views(bob).await;

    for (earlier, later) in [(&first, &second), (&second, &third)] {
        assert!(earlier.iter().zip(later).all(|(a, b)| a < b), "{earlier:?} {later:?}");
    }
    assert_eq!(views(ada).await, of_ada);
    assert_eq!(
        fixture.inbox.conversation(bob, group).await.unwrap().unwrap().view_version,
        third[0]
    );
}

/// Only in the conversation concerned.
pub async fn rejoining_and_history_rules_raise_the_view_version(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let group = fixture.group(&[(ada, Role::Owner), (bob, Role::Member)]).await;
    let view =
        async |user, id| fixture.inbox.conversation(user, id).await.unwrap().unwrap().view_version;
    let first = view(bob, group).await;

    fixture.one(intent(group, bob, Action::Leave)).await.unwrap();
    fixture.one(intent(group, ada, Action::Add { user: bob, role: Role::Member })).await.unwrap();
    let second = view(bob, group).await;
    let (title, topic) = (Update::Keep, Update::Keep);
    let all = Action::SetDetails { title, topic, history: Some(HistoryRule::All) };
    fixture.one(intent(group, ada, all)).await.unwrap();

    assert!(first < second && second < view(bob, group).await);
    assert_eq!(view(ada, LOBBY).await, 0);
}

/// And whether they are active.
pub async fn a_contact_status_names_blocks_in_both_directions(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let (eve, joe) = (fixture.user("eve").await, fixture.user("joe").await);
    fixture.inbox.set_blocked(bob, ada, true).await.unwrap();
    fixture.inbox.set_blocked(ada, eve, true).await.unwrap();
    fixture.inbox.set_blocked(eve, joe, true).await.unwrap();
    fixture.accounts.set_active(joe, false).await.unwrap();
    let unknown = UserId::new(joe.get() + 1_000);

    let mut found = fixture.inbox.contact_statuses(ada, &[bob, eve, joe, unknown]).await.unwrap();

    found.sort();
    let status =
        |user, is_active, blocks, is_blocked| ContactStatus { user, is_active, blocks, is_blocked };
    let want = [
        status(bob, true, true, false),
        status(eve, true, false, true),
        status(joe, false, false, false),
    ];
    assert_eq!(found, want);
}

/// Both see less of each other.
pub async fn a_block_raises_the_inbox_version_of_both(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let eve = fixture.user("eve").await;
    let versions = async || {
        let mut versions = fixture.accounts.versions(&[ada, bob, eve]).await.unwrap();
        versions.sort_by_key(|found| found.user);
        versions.iter().map(|found| found.inbox).collect::<Vec<_>>()
    };
    let before = versions().await;

    fixture.inbox.set_blocked(ada, bob, true).await.unwrap();
    let blocked = versions().await;
    fixture.inbox.set_blocked(ada, bob, false).await.unwrap();
    let after = versions().await;

    for at in [0, 1] {
        assert!(before[at] < blocked[at] && blocked[at] < after[at], "user {at}");
    }
    assert_eq!((before[2], before[2]), (blocked[2], after[2]));
}

/// In both directions, because a block hides the presence of both.
pub async fn an_inbox_names_the_users_of_every_block(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let (eve, joe) = (fixture.user("eve.+-_1").await, fixture.user("joe").await);
    for (by, blocked) in [(ada, bob), (eve, ada), (ada, eve), (bob, eve)] {
        fixture.inbox.set_blocked(by, blocked, true).await.unwrap();
    }

    let hidden = async |user| {
        let page = fixture.inbox.conversations(user, None, 1).await.unwrap();
        let mut names: Vec<_> =
            page.hidden_names.iter().map(|name| name.as_str().to_owned()).collect();
        names.sort();
        names
    };

    assert_eq!(hidden(ada).await, ["bob", "eve.+-_1"]);
    assert_eq!(hidden(bob).await, ["ada", "eve.+-_1"]);
    assert_eq!(hidden(joe).await, [""; 0]);
}
