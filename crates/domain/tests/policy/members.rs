//! Joining, leaving, and changes of members.

use domain::{
    AccountFacts, Action, Conversation, ConversationKind, Details, Facts, Head, Invite, InviteCode,
    Member, MemberStatus, Refusal, Role, Timestamp, UserId, Username,
};

use crate::scene::{
    ADMIN, ADMIN_2, AUDITED, BANNED, DISABLED, DecideLoaded as _, GONE, GROUP, HERE, LEFT, LOBBY,
    MEMBER, MEMBER_2, NO, NOW, OUT, OWNER, READER, ROOT, STRANGER, UNSEEN, Verdict, Y, in_direct,
    in_group, in_lobby, row, scene, verdict,
};

#[test]
fn managers_add_members_with_lower_roles() {
    let facts = scene();
    let add = |role| Action::Add { user: STRANGER, role };
    let below =
        |own: Verdict, admin: Verdict| [own, admin, NO, NO, NO, UNSEEN, OUT, UNSEEN, UNSEEN, GONE];

    in_group(&facts, &add(Role::Reader), below(Y, Y));
    in_group(&facts, &add(Role::Member), below(Y, Y));
    in_group(&facts, &add(Role::Admin), below(Y, NO));
    in_group(&facts, &add(Role::Owner), below(Y, NO));
    in_lobby(&facts, &add(Role::Member), [NO, NO, OUT, NO, GONE]);
    in_direct(&facts, &add(Role::Member), [NO, UNSEEN, UNSEEN, GONE]);
}

#[test]
fn only_outsiders_with_active_accounts_can_be_added() {
    let mut facts = scene();
    facts.add_block(LEFT, ADMIN);
    let cases = [
        ("a former member", OWNER, LEFT, Y),
        ("a former member, by a blocked user", ADMIN, LEFT, Verdict::No(Refusal::Blocked)),
        ("a member", OWNER, MEMBER, HERE),
        ("the actor", OWNER, OWNER, HERE),
        ("a banned user", OWNER, BANNED, NO),
        ("a disabled account", OWNER, DISABLED, Verdict::No(Refusal::UnknownUser)),
        ("an unknown user", OWNER, UserId::new(99), Verdict::No(Refusal::UnknownUser)),
    ];

    for (name, actor, user, want) in cases {
        let add = Action::Add { user, role: Role::Member };
        assert_eq!(verdict(&facts, GROUP, actor, &add), want, "case: {name}");
    }
}

#[test]
fn managers_remove_lower_roles() {
    let facts = scene();
    let remove = |user| Action::Remove { user };

    let action = remove(MEMBER_2);
    in_group(&facts, &action, [Y, Y, NO, NO, NO, UNSEEN, OUT, UNSEEN, UNSEEN, GONE]);
    let action = remove(ADMIN_2);
    in_group(&facts, &action, [Y, NO, NO, NO, NO, UNSEEN, OUT, UNSEEN, UNSEEN, GONE]);
    let action = remove(OWNER);
    in_group(&facts, &action, [NO, NO, NO, NO, NO, UNSEEN, OUT, UNSEEN, UNSEEN, GONE]);
    in_lobby(&facts, &remove(MEMBER_2), [NO, NO, OUT, NO, GONE]);
    in_direct(&facts, &remove(MEMBER), [NO, UNSEEN, UNSEEN, GONE]);
    for (user, want) in [(LEFT, UNSEEN), (BANNED, UNSEEN), (STRANGER, UNSEEN)] {
        assert_eq!(verdict(&facts, GROUP, OWNER, &remove(user)), want, "{user}");
    }
}

#[test]
fn all_but_the_last_owner_can_leave_a_group() {
    let mut facts = scene();
    let last = Verdict::No(Refusal::LastOwner);
    let leave = Action::Leave;

    in_group(&facts, &leave, [last, Y, Y, Y, Y, UNSEEN, OUT, UNSEEN, UNSEEN, GONE]);
    in_lobby(&facts, &leave, [NO, NO, OUT, NO, GONE]);
    in_direct(&facts, &leave, [NO, UNSEEN, UNSEEN, GONE]);
    second_owner(&mut facts);
    assert_eq!(verdict(&facts, GROUP, OWNER, &leave), Y);
}

#[test]
fn owners_set_any_role_and_admins_only_reader() {
    let facts = scene();
    let make = |user, role| Action::SetRole { user, role };
    let by =
        |own: Verdict, admin: Verdict| [own, admin, NO, NO, NO, UNSEEN, OUT, UNSEEN, UNSEEN, GONE];

    in_group(&facts, &make(MEMBER_2, Role::Reader), by(Y, Y));
    in_group(&facts, &make(MEMBER_2, Role::Member), by(Y, Y));
    in_group(
        &facts,
        &make(READER, Role::Member),
        [Y, Y, NO, NO, NO, UNSEEN, OUT, UNSEEN, UNSEEN, GONE],
    );
    in_group(&facts, &make(MEMBER_2, Role::Admin), by(Y, NO));
    in_group(&facts, &make(MEMBER_2, Role::Owner), by(Y, NO));
    in_group(&facts, &make(ADMIN_2, Role::Member), by(Y, NO));
    in_lobby(&facts, &make(MEMBER_2, Role::Reader), [NO, NO, OUT, NO, GONE]);
    in_direct(&facts, &make(MEMBER, Role::Reader), [NO, UNSEEN, UNSEEN, GONE]);
    let unknown = Verdict::No(Refusal::UnknownUser);
    for user in [LEFT, BANNED, STRANGER] {
        assert_eq!(verdict(&facts, GROUP, OWNER, &make(user, Role::Reader)), unknown, "{user}");
    }
}

#[test]
fn an_owner_steps_down_once_another_owner_exists() {
    let mut facts = scene();
    let step_down = Action::StepDown { successor: ADMIN };

    in_group(&facts, &step_down, [NO, NO, NO, NO, NO, UNSEEN, UNSEEN, UNSEEN, UNSEEN, GONE]);
    second_owner(&mut facts);
    assert_eq!(verdict(&facts, GROUP, OWNER, &step_down), Y);
    let to_actor = Action::StepDown { successor: OWNER };
    assert_eq!(verdict(&facts, GROUP, OWNER, &to_actor), NO);
}

#[test]
fn the_last_owner_cannot_be_demoted() {
    let mut facts = scene();
    let step_down = Action::SetRole { user: OWNER, role: Role::Member };

    assert_eq!(verdict(&facts, GROUP, OWNER, &step_down), Verdict::No(Refusal::LastOwner));
    second_owner(&mut facts);
    assert_eq!(verdict(&facts, GROUP, OWNER, &step_down), Y);
}

/// The scene with a disabled owner, and therefore without an acting one.
fn without_owner() -> Facts {
    let mut facts = scene();
    let group = Conversation::new(GROUP, ConversationKind::Group, Details::default());
    facts.add_conversation(group, Head::new(GROUP), 0);
    let roles = [(OWNER, Role::Owner), (ADMIN, Role::Admin), (MEMBER, Role::Member)];
    for (user, role) in roles {
        facts.add_member(row(GROUP, user, role));
    }
    disable(&mut facts, OWNER, "owner");
    facts
}

fn disable(facts: &mut Facts, user: UserId, name: &str) {
    let username = Username::parse(name).unwrap();
    facts.add_account(user, AccountFacts { username, active: false, superuser: false });
}

#[test]
fn disabled_owners_do_not_count() {
    let mut facts = scene();
    second_owner(&mut facts);
    let step_down = Action::StepDown { successor: ADMIN };
    assert_eq!(verdict(&facts, GROUP, OWNER, &step_down), Y);
    let mut facts = scene();
    facts.add_member(row(GROUP, ADMIN, Role::Owner));
    disable(&mut facts, ADMIN, "admin");
    let last = Verdict::No(Refusal::LastOwner);

    assert_eq!(verdict(&facts, GROUP, OWNER, &Action::Leave), last);
    let demote = |user| Action::SetRole { user, role: Role::Member };
    assert_eq!(verdict(&facts, GROUP, OWNER, &demote(OWNER)), last);
    assert_eq!(verdict(&facts, GROUP, OWNER, &demote(ADMIN)), Y);
    assert_eq!(verdict(&facts, GROUP, OWNER, &step_down), NO);
}

#[test]
fn superusers_give_a_group_without_owners_to_a_member() {
    let mut facts = without_owner();
    let give = |user| Action::SetRole { user, role: Role::Owner };
    let unknown = Verdict::No(Refusal::UnknownUser);
    let cases = [
        ("superuser, an admin", ROOT, give(ADMIN), AUDITED),
        ("superuser, a member", ROOT, give(MEMBER), AUDITED),
        ("superuser, itself", ROOT, give(ROOT), unknown),
        ("superuser, a stranger", ROOT, give(STRANGER), unknown),
        ("superuser, the disabled owner", ROOT, give(OWNER), unknown),
        ("superuser, less", ROOT, Action::SetRole { user: MEMBER, role: Role::Admin }, UNSEEN),
        ("admin, itself", ADMIN, give(ADMIN), NO),
        ("member, itself", MEMBER, give(MEMBER), NO),
    ];
    for (name, actor, action, want) in cases {
        assert_eq!(verdict(&facts, GROUP, actor, &action), want, "case: {name}");
    }

    let intent = |user| domain::Intent { conversation: GROUP, actor: ROOT, action: give(user) };
    let answers = facts.decide_loaded(&[intent(ADMIN), intent(MEMBER)], NOW);

    let refusals: Vec<_> = answers.into_iter().map(Result::err).collect();
    assert_eq!(refusals, [None, Some(Refusal::NotFound)], "the group has an owner by then");
    assert_eq!(verdict(&scene(), GROUP, ROOT, &give(MEMBER)), UNSEEN);
    assert_eq!(verdict(&scene(), LOBBY, ROOT, &give(MEMBER)), NO);
}

fn second_owner(facts: &mut Facts) {
    let make = Action::SetRole { user: ADMIN, role: Role::Owner };
    let intent = domain::Intent { conversation: GROUP, actor: OWNER, action: make };
    assert!(facts.decide_loaded(&[intent], NOW).iter().all(Result::is_ok));
}

const GOOD: InviteCode = InviteCode::new(1);

fn invite() -> Invite {
    Invite {
        code: GOOD,
        conversation: GROUP,
        created_by: OWNER,
        created_at: NOW,
        role: Role::Member,
        expires_at: None,
        max_uses: Some(1),
        uses: 0,
        revoked: false,
    }
}

#[test]
fn outsiders_join_by_invitation_unless_banned() {
    let mut facts = scene();
    facts.add_invite(invite());
    let join = Action::Join { invite: GOOD };

    in_group(&facts, &join, [HERE, HERE, HERE, HERE, HERE, Y, OUT, Y, Y, GONE]);
    in_lobby(&facts, &join, [UNSEEN, UNSEEN, UNSEEN, UNSEEN, GONE]);
    in_direct(&facts, &join, [UNSEEN, UNSEEN, UNSEEN, GONE]);
}

#[test]
fn invalid_invitations_are_not_found() {
    let past = Some(Timestamp::from_seconds(1));
    let cases = [
        ("expired", Invite { expires_at: past, ..invite() }),
        ("used up", Invite { uses: 1, ..invite() }),
        ("taken back", Invite { revoked: true, ..invite() }),
        ("another conversation", Invite { conversation: LOBBY, ..invite() }),
        ("unknown", Invite { code: InviteCode::new(2), ..invite() }),
    ];

    for (name, invite) in cases {
        let mut facts = scene();
        facts.add_invite(invite);
        let join = Action::Join { invite: GOOD };
        assert_eq!(verdict(&facts, GROUP, STRANGER, &join), UNSEEN, "case: {name}");
    }
}

/// Joining asks again whether the maker may invite.
#[test]
fn invitations_end_with_the_rights_of_their_maker() {
    let as_role = |role| row(GROUP, ADMIN, role);
    let as_status = |status| Member { status, ..as_role(Role::Admin) };
    let cases = [
        ("still an admin", as_role(Role::Admin), Y),
        ("an owner by now", as_role(Role::Owner), Y),
        ("demoted to member", as_role(Role::Member), UNSEEN),
        ("demoted to reader", as_role(Role::Reader), UNSEEN),
        ("gone", as_status(MemberStatus::Left), UNSEEN),
        ("banned", as_status(MemberStatus::Banned), UNSEEN),
    ];
    let join = Action::Join { invite: GOOD };

    for (name, maker, want) in cases {
        let mut facts = scene();
        facts.add_invite(Invite { created_by: ADMIN, ..invite() });
        facts.add_member(maker);
        assert_eq!(verdict(&facts, GROUP, STRANGER, &join), want, "case: {name}");
    }
}

#[test]
fn invitations_end_when_their_maker_may_not_give_their_role() {
    let mut facts = scene();
    facts.add_invite(Invite { created_by: OWNER, role: Role::Admin, ..invite() });
    let join = Action::Join { invite: GOOD };
    assert_eq!(verdict(&facts, GROUP, STRANGER, &join), Y);

    facts.add_member(row(GROUP, OWNER, Role::Admin));

    assert_eq!(verdict(&facts, GROUP, STRANGER, &join), UNSEEN);
}

#[test]
fn invitations_of_disabled_accounts_and_strangers_do_not_count() {
    for maker in [DISABLED, STRANGER, UserId::new(99)] {
        let mut facts = scene();
        facts.add_member(row(GROUP, DISABLED, Role::Owner));
        facts.add_invite(Invite { created_by: maker, ..invite() });
        let join = Action::Join { invite: GOOD };
        assert_eq!(verdict(&facts, GROUP, LEFT, &join), UNSEEN, "{maker}");
    }
}

#[test]
fn invitations_stop_at_their_maximum_uses() {
    let mut facts = scene();
    facts.add_invite(invite());
    let join = |actor| domain::Intent {
        conversation: GROUP,
        actor,
        action: Action::Join { invite: GOOD },
    };

    let answers = facts.decide_loaded(&[join(STRANGER), join(STRANGER), join(LEFT)], NOW);

    let refusals: Vec<_> = answers.into_iter().map(Result::err).collect();
    assert_eq!(refusals, [None, Some(Refusal::AlreadyMember), Some(Refusal::NotFound)]);
}

/// Silence outlasts leaving and rejoining.
#[test]
fn a_silence_survives_leaving_and_rejoining() {
    let mut facts = scene();
    let until = Some(crate::scene::LATER);
    let left = row(GROUP, LEFT, Role::Member);
    let left = domain::Member { status: MemberStatus::Left, silenced_until: until, ..left };
    facts.add_member(left);
    let add = Action::Add { user: LEFT, role: Role::Member };
    let intent = domain::Intent { conversation: GROUP, actor: OWNER, action: add };

    assert!(facts.decide_loaded(&[intent], NOW).iter().all(Result::is_ok));

    let got = verdict(&facts, GROUP, LEFT, &crate::scene::text(GROUP, LEFT, "x", 5).action);
    assert_eq!(got, crate::scene::MUTE);
}
