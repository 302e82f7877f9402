//! The contract of [`application::ports::InviteStore`] and [`application::ports::AuditLog`].

use std::sync::Arc;

use application::ports::AuditId;
use domain::{
    Action, AuditedAction, ConversationId, Intent, Invite, InviteCode, Refusal, Role, UserId,
};
use futures_util::future::join_all;

use crate::Fixture;
use crate::values::{at, ban, delete, intent, send};

/// Runs every case of the contract as its own test.
///
/// `$fresh` is an `async fn() -> testkit::Fixture`, or a function that returns
/// such a future. It makes empty stores.
#[macro_export]
macro_rules! invite_store_contract {
    ($fresh:ident) => {
        $crate::contract_cases! { invite_store, $fresh,
            an_invite_is_stored_unchanged,
            invites_are_listed_in_pages_until_they_are_revoked,
            an_invite_is_used_at_most_its_maximum,
            racing_uses_of_an_invite_are_counted,
            a_banned_user_cannot_return_with_an_invite,
            an_invite_ends_with_the_rights_of_its_maker,
            acts_of_a_superuser_are_audited_in_the_same_commit,
            acts_of_members_and_refusals_are_not_audited,
        }
    };
}

fn invite(conversation: ConversationId, by: UserId, code: u128, seconds: i64) -> Invite {
    Invite {
        code: InviteCode::new(code),
        conversation,
        created_by: by,
        created_at: at(seconds),
        role: Role::Member,
        expires_at: None,
        max_uses: None,
        uses: 0,
        revoked: false,
    }
}

fn join(conversation: ConversationId, user: UserId, code: u128) -> Intent {
    intent(conversation, user, Action::Join { invite: InviteCode::new(code) })
}

pub async fn an_invite_is_stored_unchanged(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let group = fixture.group(&[(ada, Role::Owner)]).await;
    let new = Invite {
        role: Role::Reader,
        expires_at: Some(at(i64::from(i32::MAX))),
        max_uses: Some(u32::MAX),
        ..invite(group, ada, u128::MAX, 7)
    };

    fixture.invites.add_invite(new).await.unwrap();

    assert_eq!(fixture.invites.invite(new.code).await.unwrap(), Some(new));
    assert_eq!(fixture.invites.invite(InviteCode::new(1)).await.unwrap(), None);
}

/// The newest first. Those of the same time are ordered by code.
pub async fn invites_are_listed_in_pages_until_they_are_revoked(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let group = fixture.group(&[(ada, Role::Owner)]).await;
    let other = fixture.group(&[(ada, Role::Owner)]).await;
    for (code, seconds) in [(1, 10), (2, 30), (3, 20), (4, 30)] {
        fixture.invites.add_invite(invite(group, ada, code, seconds)).await.unwrap();
    }
    fixture.invites.add_invite(invite(other, ada, 5, 40)).await.unwrap();
    let admin_invite = Invite { role: Role::Admin, ..invite(group, ada, 6, 15) };
    fixture.invites.add_invite(admin_invite).await.unwrap();

    let foreign = fixture.invites.revoke_invite(other, InviteCode::new(3)).await.unwrap();
    let first = fixture.invites.revoke_invite(group, InviteCode::new(3)).await.unwrap();
    let again = fixture.invites.revoke_invite(group, InviteCode::new(3)).await.unwrap();
    let (mut codes, mut before) = (Vec::new(), None);
    for _ in 0..3 {
        let page = fixture.invites.invites(group, Role::Admin, before, 2).await.unwrap();
        before = page.last().map(|invite| (invite.created_at, invite.code));
        codes.extend(page.iter().map(|invite| invite.code.get()));
    }

    assert_eq!((foreign, first, again), (false, true, false));
    assert_eq!(codes, [4, 2, 1]);
    let all = fixture.invites.invites(group, Role::Owner, None, 9).await.unwrap();
    assert_eq!(all.iter().map(|invite| invite.code.get()).collect::<Vec<_>>(), [4, 2, 6, 1]);
    assert!(fixture.invites.invite(InviteCode::new(3)).await.unwrap().unwrap().revoked);
}

/// Also within one batch. A member that joins again uses none.
pub async fn an_invite_is_used_at_most_its_maximum(fixture: Fixture) {
    use Refusal::{AlreadyMember, NotFound};

    let ada = fixture.user("ada").await;
    let (bob, eve) = (fixture.user("bob").await, fixture.user("eve").await);
    let joe = fixture.user("joe").await;
    let group = fixture.group(&[(ada, Role::Owner)]).await;
    let twice = Invite { max_uses: Some(2), role: Role::Reader, ..invite(group, ada, 1, 0) };
    let old = Invite { expires_at: Some(at(1)), ..invite(group, ada, 2, 0) };
    for new in [twice, old] {
        fixture.invites.add_invite(new).await.unwrap();
    }

    let answers = fixture
        .commit(vec![
            join(group, joe, 2),
            join(group, bob, 1),
            join(group, bob, 1),
            join(group, eve, 1),
            join(group, joe, 1),
            join(ConversationId::LOBBY, joe, 1),
        ])
        .await;

    let refused: Vec<_> = answers.iter().map(|answer| answer.as_ref().err().copied()).collect();
    let lobby = Some(NotFound);
    assert_eq!(refused, [Some(NotFound), None, Some(AlreadyMember), None, Some(NotFound), lobby]);
    assert_eq!(fixture.invites.invite(InviteCode::new(1)).await.unwrap().unwrap().uses, 2);
    assert_eq!(fixture.membership(group, eve).await.1.unwrap().role, Role::Reader);
}

pub async fn racing_uses_of_an_invite_are_counted(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let group = fixture.group(&[(ada, Role::Owner)]).await;
    let three_uses = Invite { max_uses: Some(3), ..invite(group, ada, 1, 0) };
    fixture.invites.add_invite(three_uses).await.unwrap();
    let mut users = Vec::new();
    for n in 0..8 {
        users.push(fixture.user(&format!("user{n}")).await);
    }

    let joins = users.into_iter().map(|user| {
        let store = Arc::clone(&fixture.conversations);
        tokio::spawn(async move {
            loop {
                // The store gives up if others hold the lock for too long.
                if let Ok(mut answers) = store.commit(vec![join(group, user, 1)]).await {
                    return answers.pop().unwrap().is_ok();
                }
            }
        })
    });
    let joined = join_all(joins).await.into_iter().filter(|joined| *joined.as_ref().unwrap());

    assert_eq!(joined.count(), 3);
    assert_eq!(fixture.invites.invite(InviteCode::new(1)).await.unwrap().unwrap().uses, 3);
}

/// Until the ban is lifted.
pub async fn a_banned_user_cannot_return_with_an_invite(fixture: Fixture) {
    let (ada, eve) = (fixture.user("ada").await, fixture.user("eve").await);
    let group = fixture.group(&[(ada, Role::Owner), (eve, Role::Member)]).await;
    fixture.invites.add_invite(invite(group, ada, 1, 0)).await.unwrap();
    fixture.one(ban(group, ada, eve)).await.unwrap();

    let banned = fixture.one(join(group, eve, 1)).await;
    fixture.one(intent(group, ada, Action::Unban { user: eve })).await.unwrap();

    assert_eq!(banned, Err(Refusal::Banned));
    assert!(fixture.one(join(group, eve, 1)).await.is_ok());
}

/// Also within one batch.
pub async fn an_invite_ends_with_the_rights_of_its_maker(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let (eve, joe) = (fixture.user("eve").await, fixture.user("joe").await);
    let group = fixture.group(&[(ada, Role::Owner), (bob, Role::Admin)]).await;
    fixture.invites.add_invite(invite(group, bob, 1, 0)).await.unwrap();
    fixture.invites.add_invite(invite(group, ada, 2, 0)).await.unwrap();
    let demote = intent(group, ada, Action::SetRole { user: bob, role: Role::Member });

    let answers = fixture.commit(vec![join(group, eve, 1), demote, join(group, joe, 1)]).await;
    let after = fixture.one(join(group, joe, 1)).await;
    let of_owner = fixture.one(join(group, joe, 2)).await;
    fixture.accounts.set_active(ada, false).await.unwrap();
    let other = fixture.user("other").await;
    let of_disabled = fixture.one(join(group, other, 2)).await;

    let refused: Vec<_> = answers.iter().map(|answer| answer.as_ref().err().copied()).collect();
    assert_eq!(refused, [None, None, Some(Refusal::NotFound)]);
    assert_eq!((after, of_disabled), (Err(Refusal::NotFound), Err(Refusal::NotFound)));
    assert!(of_owner.is_ok());
    assert_eq!(fixture.invites.invite(InviteCode::new(1)).await.unwrap().unwrap().uses, 1);
}

const LOBBY: ConversationId = ConversationId::LOBBY;

/// In order and in pages.
pub async fn acts_of_a_superuser_are_audited_in_the_same_commit(fixture: Fixture) {
    let root = fixture.superuser("root").await.id;
    let (ada, eve) = (fixture.user("ada").await, fixture.user("eve").await);
    let group = fixture.group(&[(ada, Role::Owner), (eve, Role::Member)]).await;
    let spam = fixture.message(send(group, eve, 1, "spam")).await.id;
    let until = Some(at(i64::from(i32::MAX)));

    fixture
        .commit(vec![
            delete(group, root, spam),
            ban(group, root, eve),
            intent(group, root, Action::Unban { user: eve }),
            intent(LOBBY, root, Action::Silence { user: eve, until }),
        ])
        .await;
    let newest = fixture.audits.audited(None, 3).await.unwrap();
    let rest = fixture.audits.audited(newest.last().map(|(id, _)| *id), 3).await.unwrap();

    let actions: Vec<_> = newest.iter().chain(&rest).map(|(_, entry)| entry.act).collect();
    let want = [
        AuditedAction::Silence(eve, until),
        AuditedAction::Unban(eve),
        AuditedAction::Ban(eve),
        AuditedAction::DeleteMessage(spam),
    ];
    assert_eq!(actions, want);
    let (_, entry) = rest[0];
    assert_eq!((entry.actor, entry.conversation), (root, group));
    assert!(newest[0].0 > newest[1].0);
    assert_eq!(fixture.audits.audited(Some(AuditId(i64::MIN)), 9).await.unwrap(), []);
}

pub async fn acts_of_members_and_refusals_are_not_audited(fixture: Fixture) {
    let root = fixture.superuser("root").await.id;
    let (ada, eve) = (fixture.user("ada").await, fixture.user("eve").await);
    let group = fixture.group(&[(ada, Role::Owner), (eve, Role::Member)]).await;
    let spam = fixture.message(send(group, eve, 1, "spam")).await.id;

    fixture.commit(vec![delete(group, ada, spam), ban(group, ada, eve)]).await;
    let refused = fixture.commit(vec![ban(group, root, ada), delete(group, root, spam)]).await;

    assert!(refused.iter().all(Result::is_err), "{refused:?}");
    assert_eq!(fixture.audits.audited(None, 9).await.unwrap(), []);
}
