//! Banning, silencing, and undoing both.

use domain::{Action, Refusal, Timestamp, UserId};

use crate::scene::{
    ADMIN, ADMIN_2, AUDITED, BANNED, GONE, GROUP, LATER, LEFT, LOBBY, MEMBER, MEMBER_2, NO, NOW,
    OUT, OWNER, ROOT, STRANGER, UNSEEN, Verdict, Y, in_direct, in_group, in_lobby, scene, verdict,
};

fn silence(user: UserId) -> Action {
    Action::Silence { user, until: Some(LATER) }
}

fn ban(user: UserId) -> Action {
    Action::Ban { user }
}

#[test]
fn managers_silence_and_ban_lower_roles() {
    let facts = scene();
    let by =
        |own: Verdict, admin: Verdict| [own, admin, NO, NO, NO, UNSEEN, OUT, UNSEEN, AUDITED, GONE];

    for action in [silence, ban] {
        in_group(&facts, &action(MEMBER_2), by(Y, Y));
        in_group(&facts, &action(ADMIN_2), by(Y, NO));
        in_lobby(&facts, &action(MEMBER_2), [NO, NO, OUT, AUDITED, GONE]);
        in_direct(&facts, &action(MEMBER), [NO, UNSEEN, UNSEEN, GONE]);
    }
}

#[test]
fn silencing_or_banning_oneself_or_strangers_is_refused() {
    let facts = scene();
    let cases = [
        ("owner, itself", GROUP, OWNER, OWNER, NO),
        ("admin, itself", GROUP, ADMIN, ADMIN, NO),
        ("superuser, itself", LOBBY, ROOT, ROOT, NO),
        ("admin, the owner", GROUP, ADMIN, OWNER, NO),
        ("owner, a stranger", GROUP, OWNER, STRANGER, UNSEEN),
        ("superuser, a stranger", GROUP, ROOT, STRANGER, UNSEEN),
        ("superuser, an unknown user", LOBBY, ROOT, UserId::new(99), UNSEEN),
    ];

    for (name, conversation, actor, user, want) in cases {
        for action in [silence, ban] {
            assert_eq!(verdict(&facts, conversation, actor, &action(user)), want, "case: {name}");
        }
    }
}

#[test]
fn the_right_to_silence_includes_ending_it() {
    let facts = scene();
    let end = Action::Silence { user: MEMBER_2, until: None };

    in_group(&facts, &end, [Y, Y, NO, NO, NO, UNSEEN, OUT, UNSEEN, AUDITED, GONE]);
    in_lobby(&facts, &end, [NO, NO, OUT, AUDITED, GONE]);
}

#[test]
fn a_silence_must_end_in_the_future() {
    const OVER: Verdict = Verdict::No(Refusal::NotInFuture);
    let facts = scene();
    let until = |until| Action::Silence { user: MEMBER_2, until: Some(until) };

    for over in [Timestamp::from_seconds(0), NOW] {
        in_group(&facts, &until(over), [OVER, OVER, NO, NO, NO, UNSEEN, OUT, UNSEEN, OVER, GONE]);
    }
    assert_eq!(verdict(&facts, GROUP, OWNER, &until(NOW.next())), Y);
}

#[test]
fn the_right_to_ban_includes_ending_it() {
    let facts = scene();
    let unban = |user| Action::Unban { user };

    let action = unban(BANNED);
    in_group(&facts, &action, [Y, Y, NO, NO, NO, UNSEEN, OUT, UNSEEN, AUDITED, GONE]);
    in_lobby(&facts, &unban(BANNED), [NO, NO, OUT, AUDITED, GONE]);
    for user in [MEMBER, LEFT, STRANGER] {
        assert_eq!(verdict(&facts, GROUP, OWNER, &unban(user)), UNSEEN, "{user}");
    }
}
