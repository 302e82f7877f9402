//! Mentions.

use domain::{
    AccountFacts, Action, ConversationId, Facts, Intent, Member, Mentions, MessageBody, Role,
    UserId, Username,
};

use crate::scene::{
    ADMIN, BANNED, DIRECT, DecideLoaded as _, GROUP, LEFT, LOBBY, MEMBER, MEMBER_2, NOW, OWNER,
    ROOT, STRANGER, said, scene, text,
};

const ANN: UserId = UserId::new(20);
const ANN_LEE: UserId = UserId::new(21);
const ALL: UserId = UserId::new(22);

/// Contains `ann`, `ann.lee` and `all`; `members` lists those in the group.
fn with(members: &[UserId]) -> Facts {
    let mut facts = scene();
    for (id, name) in [(ANN, "ann"), (ANN_LEE, "ann.lee"), (ALL, "all")] {
        let username = Username::parse(name).unwrap();
        let account = AccountFacts { username: username.clone(), active: true, superuser: false };
        facts.add_account(id, account);
        if members.contains(&id) {
            facts.add_member(Member::first(GROUP, id, username, Role::Member));
        }
    }
    facts
}

fn called(mut facts: Facts, place: ConversationId, by: UserId, say: &str) -> (Vec<i64>, bool) {
    let answer = facts.decide_loaded(&[text(place, by, say, 7)], NOW).remove(0);
    of(&answer.unwrap().message().unwrap().mentions)
}

fn of(mentions: &Mentions) -> (Vec<i64>, bool) {
    (mentions.users.iter().map(|user| user.get()).collect(), mentions.all)
}

#[test]
fn the_longest_name_of_a_member_is_called() {
    let cases: [(&[UserId], &str, &[UserId]); 7] = [
        (&[ANN, ANN_LEE], "@ann.lee", &[ANN_LEE]),
        (&[ANN], "@ann.lee", &[ANN]),
        (&[ANN_LEE], "@ann.lee.", &[ANN_LEE]),
        (&[ANN_LEE], "@ann", &[]),
        (&[ANN, ANN_LEE], "@ann. and @ann.lee, and @ann!", &[ANN, ANN_LEE]),
        (&[], "@ann @nobody", &[]),
        (&[ANN], "mail@ann", &[]),
    ];

    for (members, say, want) in cases {
        let want: Vec<i64> = want.iter().map(|user| user.get()).collect();
        assert_eq!(called(with(members), GROUP, MEMBER, say), (want, false), "{say}");
    }
}

#[test]
fn only_who_takes_part_is_called() {
    let say = "@left @banned @stranger @member2";
    let in_group = called(scene(), GROUP, MEMBER, say);
    let in_lobby = called(scene(), LOBBY, MEMBER, say);
    let in_direct = called(scene(), DIRECT, MEMBER, "@owner @member2");

    assert_eq!(in_group.0, [MEMBER_2.get()]);
    assert_eq!(in_lobby.0, [LEFT, STRANGER, MEMBER_2].map(UserId::get));
    assert_eq!(in_direct.0, [OWNER.get()]);
    assert!(!in_group.0.contains(&BANNED.get()) && !in_lobby.0.contains(&BANNED.get()));
}

#[test]
fn who_manages_calls_everybody() {
    let cases = [
        ("owner", GROUP, OWNER, true),
        ("admin", GROUP, ADMIN, true),
        ("member", GROUP, MEMBER, false),
        ("anybody in the lobby", LOBBY, OWNER, false),
        ("superuser in the lobby", LOBBY, ROOT, true),
        ("one of two", DIRECT, OWNER, false),
    ];

    for (name, place, by, want) in cases {
        assert_eq!(called(scene(), place, by, "@all"), (vec![], want), "case: {name}");
    }
}

/// A member's name takes precedence over `@all`; otherwise the role decides.
#[test]
fn somebody_named_all_is_called_by_that_name() {
    for by in [OWNER, MEMBER] {
        assert_eq!(called(with(&[ALL]), GROUP, by, "@all"), (vec![ALL.get()], false), "{by}");
    }
    assert_eq!(called(with(&[]), GROUP, OWNER, "@all"), (vec![], true));
    assert_eq!(called(with(&[]), GROUP, MEMBER, "@all"), (vec![], false));
}

#[test]
fn an_edit_calls_whom_its_text_calls_and_a_deletion_nobody() {
    let mut facts = with(&[ANN, ANN_LEE]);
    let message = said(GROUP, OWNER);
    let edit = |say: Option<&str>| {
        let body = say.map(|say| MessageBody::parse(say).unwrap());
        let action = Action::Edit { message, body, expected_edits: None };
        Intent { conversation: GROUP, actor: OWNER, action }
    };
    let steps = [
        (edit(Some("@ann @member")), vec![ANN, MEMBER], false),
        (edit(Some("@all @ann.lee")), vec![ANN_LEE], true),
        (edit(None), vec![ANN_LEE], true),
        (edit(Some("nobody")), vec![], false),
        (edit(Some("@all")), vec![], true),
        (Intent { action: Action::Delete { message }, ..edit(None) }, vec![], false),
    ];

    for (step, users, all) in steps {
        let answer = facts.decide_loaded(std::slice::from_ref(&step), NOW).remove(0).unwrap();
        let want: Vec<i64> = users.iter().map(|user| user.get()).collect();
        assert_eq!(of(&answer.message().unwrap().mentions), (want, all), "{step:?}");
    }
}
