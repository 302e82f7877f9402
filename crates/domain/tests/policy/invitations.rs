//! Adding users who want to be asked, and their answers.

use domain::{
    Action, AddedBy, AdditionFacts, Change, Facts, Intent, Invite, InviteCode, Member,
    MemberStatus, Outcome, Refusal, Role, policy,
};

use crate::scene::{
    ADMIN, DecideLoaded as _, GONE, GROUP, HERE, LATER, LEFT, NO, NOW, OUT, OWNER, STRANGER,
    UNSEEN, Verdict, Y, addition, in_direct, in_group, in_lobby, row, scene, text, verdict,
};

const FULL: Verdict = Verdict::No(Refusal::Full);

fn add(role: Role) -> Action {
    Action::Add { user: STRANGER, role }
}

/// The stranger is invited to the group, in this role.
fn invited(role: Role) -> Facts {
    let mut facts = scene();
    let (status, invited_by) = (MemberStatus::Invited, Some(OWNER));
    facts.add_member(Member { status, invited_by, ..row(GROUP, STRANGER, role) });
    facts
}

/// The member row that the group has after this.
fn member_after(facts: &mut Facts, actor: domain::UserId, action: Action) -> Member {
    let intent = Intent { conversation: GROUP, actor, action };
    match facts.decide_loaded(&[intent], NOW).pop().unwrap() {
        Ok(Outcome::Applied(Change::Member(member))) => member,
        other => panic!("no change of a member: {other:?}"),
    }
}

#[test]
fn an_addition_makes_a_member_or_an_invited_user() {
    let most = policy::MAX_INVITATIONS;
    let (active, invited) = (Ok(MemberStatus::Active), Ok(MemberStatus::Invited));
    let cases = [
        (AddedBy::Everyone, false, most, active),
        (AddedBy::Acquaintances, true, most, active),
        (AddedBy::Acquaintances, false, most - 1, invited),
        (AddedBy::Acquaintances, false, most, Err(Refusal::Full)),
        (AddedBy::Nobody, true, 0, invited),
        (AddedBy::Nobody, true, most, Err(Refusal::Full)),
    ];
    for (added_by, is_acquaintance, invitations, want) in cases {
        let facts = AdditionFacts { user: STRANGER, added_by, is_acquaintance, invitations };
        assert_eq!(policy::added_as(&facts), want, "{facts:?}");
    }
}

#[test]
fn an_invited_user_is_shown_with_role_and_inviter() {
    let mut facts = scene();
    facts.add_addition(ADMIN, addition(STRANGER, AddedBy::Nobody));

    let member = member_after(&mut facts, ADMIN, add(Role::Reader));

    assert_eq!((member.status, member.invited_by), (MemberStatus::Invited, Some(ADMIN)));
    assert_eq!(member.role, Role::Reader);
    assert_eq!(verdict(&facts, GROUP, OWNER, &add(Role::Member)), HERE);
}

#[test]
fn an_invited_user_may_only_answer() {
    let facts = invited(Role::Admin);
    let send = text(GROUP, STRANGER, "x", 9).action;
    for action in [send, Action::Leave, Action::Remove { user: LEFT }, add(Role::Member)] {
        assert_eq!(verdict(&facts, GROUP, STRANGER, &action), UNSEEN, "{action:?}");
    }
    for action in [Action::Accept, Action::Decline] {
        let mut want = [UNSEEN; 10];
        (want[7], want[9]) = (Y, GONE);
        in_group(&facts, &action, want);
        in_lobby(&facts, &action, [UNSEEN, UNSEEN, UNSEEN, UNSEEN, GONE]);
        in_direct(&facts, &action, [UNSEEN, UNSEEN, UNSEEN, GONE]);
    }
}

#[test]
fn an_accepted_invitation_makes_a_member() {
    let member = member_after(&mut invited(Role::Reader), STRANGER, Action::Accept);

    assert_eq!((member.status, member.invited_by), (MemberStatus::Active, None));
    assert_eq!(member.role, Role::Reader);
}

#[test]
fn a_declined_invitation_makes_a_former_member() {
    let member = member_after(&mut invited(Role::Reader), STRANGER, Action::Decline);

    assert_eq!((member.status, member.invited_by), (MemberStatus::Left, None));
}

/// Owners may withdraw any; admins those to roles below their own.
#[test]
fn managers_withdraw_invitations() {
    let remove = Action::Remove { user: STRANGER };
    let withdrawn = |admin| [Y, admin, NO, NO, NO, UNSEEN, OUT, UNSEEN, UNSEEN, GONE];

    in_group(&invited(Role::Member), &remove, withdrawn(Y));
    in_group(&invited(Role::Admin), &remove, withdrawn(NO));
    in_group(&invited(Role::Owner), &remove, withdrawn(NO));
    let member = member_after(&mut invited(Role::Owner), OWNER, remove);
    assert_eq!((member.status, member.invited_by), (MemberStatus::Left, None));
}

#[test]
fn an_invited_user_may_join_by_a_code_and_be_banned() {
    let code = InviteCode::new(7);
    let mut facts = invited(Role::Member);
    facts.add_invite(Invite {
        code,
        conversation: GROUP,
        created_by: OWNER,
        created_at: NOW,
        role: Role::Member,
        expires_at: Some(LATER),
        max_uses: None,
        uses: 0,
        revoked: false,
    });

    let joined = member_after(&mut facts.clone(), STRANGER, Action::Join { invite: code });
    let banned = member_after(&mut facts, OWNER, Action::Ban { user: STRANGER });

    assert_eq!((joined.status, joined.invited_by), (MemberStatus::Active, None));
    assert_eq!((banned.status, banned.invited_by), (MemberStatus::Banned, None));
}

/// Even within one batch.
#[test]
fn open_invitations_have_a_bound() {
    let mut facts = scene();
    let invitations = policy::MAX_INVITATIONS - 1;
    for user in [STRANGER, LEFT] {
        let open = AdditionFacts { invitations, ..addition(user, AddedBy::Nobody) };
        facts.add_addition(OWNER, open);
    }

    member_after(&mut facts, OWNER, add(Role::Member));
    member_after(&mut facts, STRANGER, Action::Decline);

    assert_eq!(verdict(&facts, GROUP, OWNER, &add(Role::Member)), FULL);
    assert_eq!(verdict(&facts, GROUP, OWNER, &Action::Add { user: LEFT, role: Role::Member }), Y);
}
