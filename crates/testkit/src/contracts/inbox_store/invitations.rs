//! Additions to groups, and invitations to users who want to be asked.

use std::collections::BTreeSet;

use application::ports::Invitation;
use domain::{
    Action, AddedBy, AdditionFacts, Change, ConversationId, MemberStatus, MsgNo, NewGroup, Outcome,
    Pair, ProfileUpdate, Refusal, Role, UserId, policy,
};

use crate::Fixture;
use crate::values::{ban, intent, leave, new_group, send, username};

async fn choose(fixture: &Fixture, user: UserId, added_by: AddedBy) {
    let update = ProfileUpdate { added_by: Some(added_by), ..ProfileUpdate::default() };
    fixture.accounts.set_profile(user, update).await.unwrap();
}

async fn add(
    fixture: &Fixture,
    group: ConversationId,
    by: UserId,
    user: UserId,
) -> Result<MemberStatus, Refusal> {
    let action = Action::Add { user, role: Role::Member };
    match fixture.one(intent(group, by, action)).await? {
        Outcome::Applied(Change::Member(member)) => {
            let invited = member.status == MemberStatus::Invited;
            assert_eq!(member.invited_by, invited.then_some(by));
            assert_eq!(fixture.membership(group, user).await.1, Some(member.clone()));
            Ok(member.status)
        }
        other => panic!("not a change of a member: {other:?}"),
    }
}

async fn addition(fixture: &Fixture, by: UserId, user: UserId) -> AdditionFacts {
    let found = fixture.inbox.additions(by, &[user]).await.unwrap();
    let [found] = <[_; 1]>::try_from(found).unwrap();
    found
}

/// The count of an inbox and the list agree.
async fn invitations(fixture: &Fixture, user: UserId) -> Vec<Invitation> {
    let found = fixture.inbox.invitations(user, 100).await.unwrap();
    let page = fixture.inbox.conversations(user, None, 1).await.unwrap();
    assert_eq!(page.invitations, i64::try_from(found.len()).unwrap());
    found
}

/// Accounts that do not exist are left out.
pub async fn a_user_chooses_whose_additions_are_invitations(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let eve = fixture.user("eve").await;
    let group = fixture.group(&[(ada, Role::Owner)]).await;
    let at_first = addition(&fixture, ada, bob).await;
    choose(&fixture, bob, AddedBy::Acquaintances).await;
    choose(&fixture, eve, AddedBy::Nobody).await;
    let unknown = UserId::new(eve.get() + 1_000);

    let found = fixture.inbox.additions(ada, &[eve, unknown]).await.unwrap();
    let by_stranger = add(&fixture, group, ada, bob).await;
    let again = add(&fixture, group, ada, bob).await;

    let facts =
        |user, added_by| AdditionFacts { user, added_by, is_acquaintance: false, invitations: 0 };
    assert_eq!(at_first, facts(bob, AddedBy::Everyone));
    assert_eq!(found, [facts(eve, AddedBy::Nobody)]);
    assert_eq!((by_stranger, again), (Ok(MemberStatus::Invited), Err(Refusal::AlreadyMember)));
    assert_eq!(addition(&fixture, ada, bob).await.invitations, 1);
    let list = invitations(&fixture, bob).await;
    let (conversation, _) = fixture.membership(group, bob).await;
    let invited_by = (ada, username("ada"));
    assert_eq!(list, [Invitation { conversation, role: Role::Member, invited_by }]);
    assert_eq!(invitations(&fixture, ada).await, []);
}

/// Neither the lobby nor a direct conversation in which the user did not write makes one.
pub async fn acquaintances_share_a_group_or_are_written_to(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    choose(&fixture, bob, AddedBy::Acquaintances).await;
    let knows = async || addition(&fixture, ada, bob).await.is_acquaintance;
    for (user, n) in [(ada, 1), (bob, 2)] {
        fixture.message(send(ConversationId::LOBBY, user, n, "x")).await;
    }
    assert!(!knows().await, "both wrote in the lobby");

    let pair = Pair::of(ada, bob).unwrap();
    let (direct, _) = fixture.conversations.open_direct(pair).await.unwrap();
    fixture.message(send(direct, ada, 3, "hello?")).await;
    assert!(!knows().await, "only the other wrote");
    fixture.message(send(direct, bob, 4, "hello")).await;
    assert!(knows().await, "the user wrote");
    let (eve, joe) = (fixture.user("eve").await, fixture.user("joe").await);
    choose(&fixture, joe, AddedBy::Acquaintances).await;
    assert!(!addition(&fixture, eve, joe).await.is_acquaintance);
    let group = fixture.group(&[(eve, Role::Owner), (joe, Role::Reader)]).await;
    assert!(addition(&fixture, eve, joe).await.is_acquaintance, "both are in a group");

    let other = fixture.group(&[(eve, Role::Owner)]).await;
    assert_eq!(add(&fixture, other, eve, joe).await, Ok(MemberStatus::Active));
    for left in [group, other] {
        fixture.one(leave(left, joe)).await.unwrap();
    }
    assert!(!addition(&fixture, eve, joe).await.is_acquaintance, "one left");
    assert_eq!(add(&fixture, other, eve, joe).await, Ok(MemberStatus::Invited));
    assert!(!addition(&fixture, eve, joe).await.is_acquaintance, "one is invited");
}

/// The member then starts without unread messages, in the role of the invitation.
pub async fn an_invited_user_reads_nothing_until_accepting(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let group = fixture.group(&[(ada, Role::Owner)]).await;
    choose(&fixture, bob, AddedBy::Nobody).await;
    assert_eq!(add(&fixture, group, ada, bob).await, Ok(MemberStatus::Invited));
    fixture.message(send(group, ada, 1, "@bob before")).await;

    let early = fixture.one(send(group, bob, 1, "x")).await;
    let unseen = fixture.inbox.conversation(bob, group).await.unwrap();
    let marked = fixture.inbox.mark_read(bob, group, MsgNo::new(1)).await.unwrap();
    let stranger = fixture.one(intent(group, ada, Action::Accept)).await;
    let accepted = fixture.one(intent(group, bob, Action::Accept)).await.unwrap();
    let again = fixture.one(intent(group, bob, Action::Accept)).await;
    fixture.message(send(group, bob, 2, "thanks")).await;

    assert_eq!((early, unseen, marked), (Err(Refusal::NotFound), None, None));
    assert_eq!((stranger, again), (Err(Refusal::NotFound), Err(Refusal::NotFound)));
    let Outcome::Applied(Change::Member(member)) = accepted else { panic!("{accepted:?}") };
    assert_eq!((member.status, member.invited_by), (MemberStatus::Active, None));
    assert_eq!((member.role, member.visible_after.get()), (Role::Member, 1));
    let entry = fixture.inbox.conversation(bob, group).await.unwrap().unwrap();
    assert_eq!((entry.unread(), entry.unread_mentions), (0, 0));
    assert_eq!(invitations(&fixture, bob).await, []);
}

/// Afterwards it can be neither accepted nor declined.
pub async fn an_invitation_ends_when_it_is_declined_withdrawn_or_the_group_is_deleted(
    fixture: Fixture,
) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    choose(&fixture, bob, AddedBy::Nobody).await;
    let mut groups = Vec::new();
    for _ in 0..4 {
        let group = fixture.group(&[(ada, Role::Owner)]).await;
        assert_eq!(add(&fixture, group, ada, bob).await, Ok(MemberStatus::Invited));
        groups.push(group);
    }
    assert_eq!(invitations(&fixture, bob).await.len(), 4);

    fixture.one(intent(groups[0], bob, Action::Decline)).await.unwrap();
    fixture.one(intent(groups[1], ada, Action::Remove { user: bob })).await.unwrap();
    fixture.one(ban(groups[2], ada, bob)).await.unwrap();
    fixture.one(intent(groups[3], ada, Action::DeleteConversation)).await.unwrap();

    assert_eq!(invitations(&fixture, bob).await, []);
    assert_eq!(addition(&fixture, ada, bob).await.invitations, 0);
    for group in groups {
        for action in [Action::Accept, Action::Decline] {
            let late = fixture.one(intent(group, bob, action)).await;
            assert_eq!(late, Err(Refusal::NotFound), "{group}");
        }
    }
}

/// A retry returns the same group, even if it invites other members.
pub async fn a_new_group_invites_users_who_want_to_be_asked(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let members = vec![(ada, Role::Owner), (bob, Role::Member)];
    let new = NewGroup { invited: BTreeSet::from([bob]), ..new_group(members) };
    let retry = NewGroup { invited: BTreeSet::new(), ..new.clone() };

    let (group, is_new) = fixture.conversations.create_group(new).await.unwrap().unwrap();
    let known = fixture.conversations.create_group(retry).await.unwrap();

    assert!(is_new);
    assert_eq!(known, Ok((group, false)));
    let (_, member) = fixture.membership(group, bob).await;
    let member = member.unwrap();
    assert_eq!((member.status, member.invited_by), (MemberStatus::Invited, Some(ada)));
    assert_eq!(invitations(&fixture, bob).await.len(), 1);
    fixture.one(intent(group, bob, Action::Accept)).await.unwrap();
    assert!(fixture.membership(group, bob).await.1.unwrap().is_active());
}

/// In one batch, too.
pub async fn open_invitations_are_bounded(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    choose(&fixture, bob, AddedBy::Nobody).await;
    let mut intents = Vec::new();
    for _ in 0..=policy::MAX_INVITATIONS {
        let group = fixture.group(&[(ada, Role::Owner)]).await;
        intents.push(intent(group, ada, Action::Add { user: bob, role: Role::Member }));
    }

    let answers = fixture.commit(intents).await;
    let (last, first) = answers.split_last().unwrap();
    let group = fixture.group(&[(ada, Role::Owner)]).await;
    let later = add(&fixture, group, ada, bob).await;

    assert!(first.iter().all(Result::is_ok));
    assert_eq!((last, later), (&Err(Refusal::Full), Err(Refusal::Full)));
    assert_eq!(invitations(&fixture, bob).await.len(), policy::MAX_INVITATIONS);
}

/// They do not follow the group, so that nothing else tells them.
pub async fn a_deleted_group_raises_the_inbox_version_of_invited_users(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let group = fixture.group(&[(ada, Role::Owner)]).await;
    choose(&fixture, bob, AddedBy::Nobody).await;
    assert_eq!(add(&fixture, group, ada, bob).await, Ok(MemberStatus::Invited));
    let version = async || fixture.accounts.versions(&[bob]).await.unwrap()[0].inbox;
    let before = version().await;

    fixture.one(intent(group, ada, Action::DeleteConversation)).await.unwrap();

    assert!(version().await > before);
}

/// Until the block is lifted.
pub async fn a_block_hides_the_invitations_of_the_blocked_user(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let eve = fixture.user("eve").await;
    choose(&fixture, bob, AddedBy::Nobody).await;
    for owner in [ada, eve] {
        let group = fixture.group(&[(owner, Role::Owner)]).await;
        assert_eq!(add(&fixture, group, owner, bob).await, Ok(MemberStatus::Invited));
    }

    fixture.inbox.set_blocked(bob, eve, true).await.unwrap();
    let shown = invitations(&fixture, bob).await;
    fixture.inbox.set_blocked(bob, eve, false).await.unwrap();

    assert_eq!(shown.iter().map(|it| it.invited_by.0).collect::<Vec<_>>(), [ada]);
    assert_eq!(invitations(&fixture, bob).await.len(), 2);
}
