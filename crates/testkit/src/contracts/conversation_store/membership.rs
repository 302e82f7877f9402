//! Members, bans and leaving.

use std::sync::Arc;

use application::ports::{ConversationView, StoreError};
use domain::{
    Action, AuditedAction, Change, Conversation, ConversationId, ConversationKind, Details, Head,
    Member, MemberStatus, Outcome, Refusal, Role, Seq, UserId,
};
use futures_util::future::join_all;

use crate::Fixture;
use crate::values::{ban, intent, leave, new_group, send, username};

const LOBBY: ConversationId = ConversationId::LOBBY;

/// Opening it is not a change, so that its head is before the first.
pub async fn a_new_conversation_has_its_first_members_and_no_changes(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let bob = fixture.user("bob").await;

    let group = fixture.group(&[(ada, Role::Owner), (bob, Role::Reader)]).await;
    let other = fixture.group(&[(ada, Role::Owner)]).await;

    assert_ne!(group, other);
    let head = fixture.head(group).await;
    assert_eq!(head, Head { last_at: head.last_at, ..Head::new(group) });
    let conversation = Conversation::new(group, ConversationKind::Group, Details::default());
    for (user, name, role) in [(ada, "ada", Role::Owner), (bob, "bob", Role::Reader)] {
        let member = Member::first(group, user, username(name), role);
        assert_eq!(fixture.membership(group, user).await, (conversation.clone(), Some(member)));
    }
    let page = fixture.conversations.changes_since(group, Seq::ZERO, 10).await.unwrap();
    assert_eq!((page.changes, page.to), (Vec::new(), Seq::ZERO));
}

/// The store reports a permanent failure and stays usable.
pub async fn a_group_with_an_unknown_member_is_not_created(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let unknown = UserId::new(ada.get() + 1_000);
    let members = vec![(ada, Role::Owner), (unknown, Role::Member)];

    let new = new_group(members);
    let answer = fixture.conversations.create_group(new).await;

    assert!(matches!(answer, Err(StoreError::Failed(_))), "{answer:?}");
    fixture.group(&[(ada, Role::Owner)]).await;
}

/// Registration does not change it.
pub async fn every_user_is_in_the_lobby_without_a_row(fixture: Fixture) {
    let before = fixture.head(LOBBY).await;

    let ada = fixture.user("ada").await;

    assert_eq!(before, Head::new(LOBBY));
    assert_eq!(fixture.head(LOBBY).await, before);
    assert_eq!(fixture.membership(LOBBY, ada).await, (Conversation::lobby(), None));
}

pub async fn an_unknown_conversation_has_no_view(fixture: Fixture) {
    let ada = fixture.user("ada").await;

    let found = fixture.conversations.view(ConversationId::new(987_654), ada).await.unwrap();

    assert_eq!(found, None);
}

/// With and without a member row, and with several blocks.
pub async fn a_view_has_the_same_values_as_the_inbox(fixture: Fixture) {
    let (ada, bob, eve) =
        (fixture.user("ada").await, fixture.user("bob").await, fixture.user("eve").await);
    let group = fixture.group(&[(ada, Role::Owner), (bob, Role::Reader)]).await;
    fixture.message(send(group, ada, 1, "first")).await;
    fixture.message(send(LOBBY, ada, 1, "first")).await;
    for blocked in [ada, eve] {
        fixture.inbox.set_blocked(bob, blocked, true).await.unwrap();
    }
    let epoch = fixture.conversations.heads(&[]).await.unwrap().epoch;

    for (user, blocks) in [(ada, vec![]), (bob, vec![ada, eve])] {
        let inbox = fixture.inbox.conversations(user, None, 10).await.unwrap();
        assert_eq!(inbox.epoch, epoch);
        assert_eq!(*inbox.blocked, blocks.into_iter().collect());
        assert_eq!(inbox.entries.len(), 2);
        for entry in inbox.entries {
            let view = fixture.conversations.view(entry.conversation.id, user).await.unwrap();
            let expected = ConversationView {
                epoch,
                conversation: entry.conversation,
                head: entry.head,
                member: entry.member,
                blocked: Arc::clone(&inbox.blocked),
                view_version: entry.view_version,
                hides_presence: false,
            };
            assert_eq!(view, Some(expected));
        }
    }
}

/// For users without a member row and for members.
pub async fn each_change_of_rights_raises_the_view_version(fixture: Fixture) {
    let (ada, bob, eve) =
        (fixture.user("ada").await, fixture.user("bob").await, fixture.user("eve").await);
    let group = fixture.group(&[(ada, Role::Owner), (bob, Role::Member)]).await;
    let versions = async || {
        let view = async |id, user| fixture.conversations.view(id, user).await.unwrap().unwrap();
        [view(LOBBY, bob).await.view_version, view(group, bob).await.view_version]
    };
    let at_first = versions().await;

    fixture.inbox.set_blocked(bob, eve, true).await.unwrap();
    let after_a_block = versions().await;
    fixture.one(leave(group, bob)).await.unwrap();
    fixture.one(intent(group, ada, Action::Add { user: bob, role: Role::Member })).await.unwrap();
    let after_joining_again = versions().await;

    assert!(after_a_block[0] > at_first[0] && after_a_block[1] > at_first[1]);
    assert_eq!(after_joining_again[0], after_a_block[0]);
    assert!(after_joining_again[1] > after_a_block[1]);
}

/// Messages from before the ban stay, and later ones are refused.
pub async fn a_ban_takes_effect_in_the_same_batch(fixture: Fixture) {
    let root = fixture.superuser("root").await.id;
    let eve = fixture.user("eve").await;

    let answers = fixture
        .commit(vec![
            send(LOBBY, eve, 1, "before"),
            ban(LOBBY, root, eve),
            send(LOBBY, eve, 2, "after"),
            send(LOBBY, eve, 1, "before"),
        ])
        .await;
    let later = fixture.one(send(LOBBY, eve, 3, "later")).await;

    assert!(answers[0].is_ok() && answers[1].is_ok(), "{answers:?}");
    assert_eq!(answers[2..], [const { Err(Refusal::Banned) }; 2]);
    assert_eq!(later, Err(Refusal::Banned));
    assert_eq!(fixture.texts(LOBBY).await, ["before"]);
}

/// Even for a user who had no row.
pub async fn a_ban_creates_a_row_and_a_change(fixture: Fixture) {
    let root = fixture.superuser("root").await.id;
    let eve = fixture.user("eve").await;
    fixture.message(send(LOBBY, root, 1, "first")).await;

    let answer = fixture.one(ban(LOBBY, root, eve)).await;

    let member = Member {
        status: MemberStatus::Banned,
        seq_last: Seq::new(2),
        ..Member::first(LOBBY, eve, username("eve"), Role::Member)
    };
    assert_eq!(answer, Ok(Outcome::Applied(Change::Member(member.clone()))));
    assert_eq!(fixture.membership(LOBBY, eve).await.1, Some(member));
    let head = fixture.head(LOBBY).await;
    assert_eq!((head.seq.get(), head.msg_no.get()), (2, 1));
}

/// Members cannot ban. Owners, superusers and unknown users cannot be banned.
pub async fn a_forbidden_ban_changes_nothing(fixture: Fixture) {
    use Refusal::{Forbidden, NotFound};

    let root = fixture.superuser("root").await.id;
    let ada = fixture.user("ada").await;
    let bob = fixture.user("bob").await;
    let eve = fixture.user("eve").await;
    let unknown = UserId::new(eve.get() + 1_000);
    let group = fixture.group(&[(ada, Role::Owner), (bob, Role::Member)]).await;

    let answers = fixture
        .commit(vec![
            ban(group, bob, ada),
            ban(group, ada, ada),
            ban(group, ada, eve),
            ban(group, ada, unknown),
            ban(LOBBY, ada, bob),
            ban(LOBBY, root, root),
            ban(LOBBY, root, unknown),
        ])
        .await;

    let want = [Forbidden, Forbidden, NotFound, NotFound, Forbidden, Forbidden, NotFound];
    assert_eq!(answers, want.map(Err));
    assert_eq!(fixture.head(group).await.seq, Seq::ZERO);
    assert_eq!(fixture.head(LOBBY).await, Head::new(LOBBY));
}

/// The row stays, with the status `Left`.
pub async fn a_member_who_left_cannot_write(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let bob = fixture.user("bob").await;
    let group = fixture.group(&[(ada, Role::Owner), (bob, Role::Admin)]).await;

    let answers =
        fixture.commit(vec![leave(group, bob), send(group, bob, 1, "ps"), leave(group, bob)]).await;

    let member = Member {
        status: MemberStatus::Left,
        seq_last: Seq::new(1),
        ..Member::first(group, bob, username("bob"), Role::Admin)
    };
    let left = Ok(Outcome::Applied(Change::Member(member.clone())));
    assert_eq!(answers, [left, Err(Refusal::NotFound), Err(Refusal::NotFound)]);
    assert_eq!(fixture.membership(group, bob).await.1, Some(member));
}

/// With a row or without.
pub async fn no_user_can_leave_the_lobby(fixture: Fixture) {
    let ada = fixture.user("ada").await;

    assert_eq!(fixture.one(leave(LOBBY, ada)).await, Err(Refusal::Forbidden));
    assert_eq!(fixture.membership(LOBBY, ada).await.1, None);
}

/// Even if asked several times. Other members do not count.
pub async fn the_last_owner_cannot_leave(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let bob = fixture.user("bob").await;
    let group = fixture.group(&[(ada, Role::Owner), (bob, Role::Admin)]).await;

    let answers = fixture.commit(vec![leave(group, ada), leave(group, ada)]).await;
    let later = fixture.one(leave(group, ada)).await;

    assert_eq!(answers, [const { Err(Refusal::LastOwner) }; 2]);
    assert_eq!(later, Err(Refusal::LastOwner));
    assert!(fixture.membership(group, ada).await.1.unwrap().is_active_owner());
}

/// The number of owners is tracked within the batch.
pub async fn one_of_two_owners_leaving_in_one_batch_stays(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let bob = fixture.user("bob").await;
    let group = fixture.group(&[(ada, Role::Owner), (bob, Role::Owner)]).await;

    let answers = fixture.commit(vec![leave(group, ada), leave(group, bob)]).await;
    let later = fixture.one(leave(group, bob)).await;

    assert!(answers[0].is_ok(), "{answers:?}");
    assert_eq!(answers[1], Err(Refusal::LastOwner));
    assert_eq!(later, Err(Refusal::LastOwner));
    assert!(fixture.membership(group, bob).await.1.unwrap().is_active_owner());
}

/// In two racing commits, repeated many times.
pub async fn one_of_two_owners_leaving_concurrently_stays(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let bob = fixture.user("bob").await;
    for _ in 0..20 {
        let group = fixture.group(&[(ada, Role::Owner), (bob, Role::Owner)]).await;

        let commits = [ada, bob].map(|user| {
            let store = Arc::clone(&fixture.conversations);
            tokio::spawn(async move { store.commit(vec![leave(group, user)]).await.unwrap() })
        });
        let answers: Vec<_> =
            join_all(commits).await.into_iter().flat_map(|answers| answers.unwrap()).collect();

        let left = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(left, 1, "{answers:?}");
        assert!(answers.contains(&Err(Refusal::LastOwner)), "{answers:?}");
    }
}

/// Also if the other owners are disabled in between.
pub async fn a_disabled_owner_does_not_count_as_one(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let eve = fixture.user("eve").await;
    let owners = [(ada, Role::Owner), (bob, Role::Owner), (eve, Role::Owner)];
    let group = fixture.group(&owners).await;
    fixture.accounts.set_active(bob, false).await.unwrap();

    let answers = fixture.commit(vec![leave(group, eve), leave(group, ada)]).await;

    assert!(answers[0].is_ok(), "{answers:?}");
    assert_eq!(answers[1], Err(Refusal::LastOwner));
    fixture.accounts.set_active(bob, true).await.unwrap();
    assert!(fixture.one(leave(group, ada)).await.is_ok());
}

/// With an entry in the audit log, and only once.
pub async fn a_superuser_assigns_an_owner_to_a_group_without_one(fixture: Fixture) {
    let root = fixture.superuser("root").await.id;
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let group = fixture.group(&[(ada, Role::Owner), (bob, Role::Member)]).await;
    let assign = intent(group, root, Action::SetRole { user: bob, role: Role::Owner });

    let early = fixture.one(assign.clone()).await;
    fixture.accounts.set_active(ada, false).await.unwrap();
    let answers = fixture.commit(vec![assign.clone(), assign]).await;

    assert_eq!(early, Err(Refusal::NotFound));
    assert!(answers[0].is_ok(), "{answers:?}");
    assert_eq!(answers[1], Err(Refusal::NotFound));
    assert!(fixture.membership(group, bob).await.1.unwrap().is_active_owner());
    let log = fixture.audits.audited(None, 9).await.unwrap();
    let entries: Vec<_> = log.iter().map(|(_, entry)| (entry.actor, entry.act)).collect();
    assert_eq!(entries, [(root, AuditedAction::AssignOwner(bob))]);
}
