//! Invitations, and their use.

use std::sync::Arc;

use domain::{Action, ConversationId, Intent, Invite, InviteCode, Refusal, Role, UserId};
use futures_util::future::join_all;

use crate::Fixture;
use crate::values::{at, ban, intent};

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

/// Every part of it.
pub async fn an_invitation_is_kept_as_it_was_made(fixture: Fixture) {
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

/// The newest first; those of one moment by their codes.
pub async fn invitations_are_listed_in_pages_until_they_are_taken_back(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let group = fixture.group(&[(ada, Role::Owner)]).await;
    let other = fixture.group(&[(ada, Role::Owner)]).await;
    for (code, seconds) in [(1, 10), (2, 30), (3, 20), (4, 30)] {
        fixture.invites.add_invite(invite(group, ada, code, seconds)).await.unwrap();
    }
    fixture.invites.add_invite(invite(other, ada, 5, 40)).await.unwrap();
    let above = Invite { role: Role::Admin, ..invite(group, ada, 6, 15) };
    fixture.invites.add_invite(above).await.unwrap();

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

/// Also within one batch; who takes part already uses none.
pub async fn an_invitation_is_used_so_often_and_no_more(fixture: Fixture) {
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

/// Under the lock of the group.
pub async fn racing_uses_of_an_invitation_are_counted(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let group = fixture.group(&[(ada, Role::Owner)]).await;
    let few = Invite { max_uses: Some(3), ..invite(group, ada, 1, 0) };
    fixture.invites.add_invite(few).await.unwrap();
    let mut users = Vec::new();
    for n in 0..8 {
        users.push(fixture.user(&format!("user{n}")).await);
    }

    let joins = users.into_iter().map(|user| {
        let store = Arc::clone(&fixture.conversations);
        tokio::spawn(async move {
            loop {
                // Others may hold the head for too long.
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

/// Unless the ban is taken back.
pub async fn who_was_banned_does_not_come_back_by_an_invitation(fixture: Fixture) {
    let (ada, eve) = (fixture.user("ada").await, fixture.user("eve").await);
    let group = fixture.group(&[(ada, Role::Owner), (eve, Role::Member)]).await;
    fixture.invites.add_invite(invite(group, ada, 1, 0)).await.unwrap();
    fixture.one(ban(group, ada, eve)).await.unwrap();

    let banned = fixture.one(join(group, eve, 1)).await;
    fixture.one(intent(group, ada, Action::Unban { user: eve })).await.unwrap();

    assert_eq!(banned, Err(Refusal::Banned));
    assert!(fixture.one(join(group, eve, 1)).await.is_ok());
}
