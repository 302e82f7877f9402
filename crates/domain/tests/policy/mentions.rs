//! Mentions.

use domain::{
    AccountFacts, Action, ConversationId, ExpectedEdits, Facts, Intent, Member, Mentions,
    MessageBody, Role, UserId, Username,
};

use crate::scene::{
    ADMIN, BANNED, DIRECT, DecideLoaded as _, GROUP, LEFT, LOBBY, MEMBER, MEMBER_2, NOW, OWNER,
    ROOT, STRANGER, message_of, scene, text,
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

fn mentions_in(
    mut facts: Facts,
    conversation: ConversationId,
    by: UserId,
    body: &str,
) -> (Vec<i64>, bool) {
    let answer = facts.decide_loaded(&[text(conversation, by, body, 7)], NOW).remove(0);
    of(&answer.unwrap().message().unwrap().mentions)
}

fn of(mentions: &Mentions) -> (Vec<i64>, bool) {
    (mentions.users.iter().map(|user| user.get()).collect(), mentions.all)
}

#[test]
fn the_longest_matching_member_name_is_mentioned() {
    let cases: [(&[UserId], &str, &[UserId]); 7] = [
        (&[ANN, ANN_LEE], "@ann.lee", &[ANN_LEE]),
        (&[ANN], "@ann.lee", &[ANN]),
        (&[ANN_LEE], "@ann.lee.", &[ANN_LEE]),
        (&[ANN_LEE], "@ann", &[]),
        (&[ANN, ANN_LEE], "@ann. and @ann.lee, and @ann!", &[ANN, ANN_LEE]),
        (&[], "@ann @nobody", &[]),
        (&[ANN], "mail@ann", &[]),
    ];

    for (members, body, want) in cases {
        let want: Vec<i64> = want.iter().map(|user| user.get()).collect();
        assert_eq!(mentions_in(with(members), GROUP, MEMBER, body), (want, false), "{body}");
    }
}

#[test]
fn only_active_members_are_mentioned() {
    let body = "@left @banned @stranger @member2";
    let in_group = mentions_in(scene(), GROUP, MEMBER, body);
    let in_lobby = mentions_in(scene(), LOBBY, MEMBER, body);
    let in_direct = mentions_in(scene(), DIRECT, MEMBER, "@owner @member2");

    assert_eq!(in_group.0, [MEMBER_2.get()]);
    assert_eq!(in_lobby.0, [LEFT, STRANGER, MEMBER_2].map(UserId::get));
    assert_eq!(in_direct.0, [OWNER.get()]);
    assert!(!in_group.0.contains(&BANNED.get()) && !in_lobby.0.contains(&BANNED.get()));
}

#[test]
fn only_managers_can_mention_everyone() {
    let cases = [
        ("owner", GROUP, OWNER, true),
        ("admin", GROUP, ADMIN, true),
        ("member", GROUP, MEMBER, false),
        ("any account in the lobby", LOBBY, OWNER, false),
        ("superuser in the lobby", LOBBY, ROOT, true),
        ("a direct member", DIRECT, OWNER, false),
    ];

    for (name, conversation, by, want) in cases {
        assert_eq!(mentions_in(scene(), conversation, by, "@all"), (vec![], want), "case: {name}");
    }
}

/// A member's name takes precedence over `@all`; otherwise the role decides.
#[test]
fn a_member_named_all_takes_precedence() {
    for by in [OWNER, MEMBER] {
        assert_eq!(mentions_in(with(&[ALL]), GROUP, by, "@all"), (vec![ALL.get()], false), "{by}");
    }
    assert_eq!(mentions_in(with(&[]), GROUP, OWNER, "@all"), (vec![], true));
    assert_eq!(mentions_in(with(&[]), GROUP, MEMBER, "@all"), (vec![], false));
}

#[test]
fn edits_replace_mentions_and_deletions_clear_them() {
    let mut facts = with(&[ANN, ANN_LEE]);
    let message = message_of(GROUP, OWNER);
    let edit = |text: Option<&str>| {
        let body = text.map(|text| MessageBody::parse(text).unwrap());
        let action = Action::Edit { message, body, expected: ExpectedEdits::Any };
        Intent { conversation: GROUP, actor: OWNER, action }
    };
    let steps = [
        (edit(Some("@ann @member")), vec![ANN, MEMBER], false),
        (edit(Some("@all @ann.lee")), vec![ANN_LEE], true),
        (edit(None), vec![ANN_LEE], true),
        (edit(Some("nobody")), vec![], false),
        (edit(Some("@all")), vec![], true),
        (
            Intent {
                action: Action::Delete { message, expected: ExpectedEdits::Any },
                ..edit(None)
            },
            vec![],
            false,
        ),
    ];

    for (step, users, all) in steps {
        let answer = facts.decide_loaded(std::slice::from_ref(&step), NOW).remove(0).unwrap();
        let want: Vec<i64> = users.iter().map(|user| user.get()).collect();
        assert_eq!(of(&answer.message().unwrap().mentions), (want, all), "{step:?}");
    }
}

#[test]
fn disabled_accounts_are_not_mentioned() {
    let mut facts = with(&[ANN]);
    let username = Username::parse("ann").unwrap();
    facts.add_account(ANN, AccountFacts { username, active: false, superuser: false });

    assert_eq!(mentions_in(facts, GROUP, OWNER, "@ann @member2"), (vec![MEMBER_2.get()], false));
}
