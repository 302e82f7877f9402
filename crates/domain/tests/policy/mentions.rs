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

/// Members of the group, whose ids are 30, 31 and so on.
const NAMES: [&str; 14] = [
    "bob", "lee", "lee.", "Zoë", "Иван", "小明", "철수", "ann@home", "Straße", "İpek", "dot.",
    "_x_", "a", "c-3_po",
];

/// Which members a text of the owner mentions.
fn mentioned_in(text: &str) -> Vec<&'static str> {
    let mut facts = scene();
    for (id, name) in (30..).zip(NAMES) {
        let username = Username::parse(name).unwrap();
        let account = AccountFacts { username: username.clone(), active: true, superuser: false };
        facts.add_account(UserId::new(id), account);
        facts.add_member(Member::first(GROUP, UserId::new(id), username, Role::Member));
    }
    let (users, _) = mentions_in(facts, GROUP, OWNER, text);
    let name = |id| *NAMES.get(usize::try_from(id - 30).unwrap()).unwrap();
    users.into_iter().map(name).collect()
}

/// Texts, and the members that they mention.
const MENTIONS: &[(&str, &[&str])] = &[
    ("@bob", &["bob"]),
    ("hi @bob!", &["bob"]),
    ("@bob @lee @bob", &["bob", "lee"]),
    ("@bob, @lee; (@Zoë)", &["bob", "lee", "Zoë"]),
    ("@bob/@lee", &["bob", "lee"]),
    ("@bob's", &["bob"]),
    ("@bob:", &["bob"]),
    ("\n@bob\r\n", &["bob"]),
    ("cc:@bob", &["bob"]),
    ("=>@bob", &["bob"]),
    ("😀@bob😀", &["bob"]),
    ("<@bob>", &["bob"]),
    ("\"@bob\"", &["bob"]),
    // In text without spaces.
    ("请@bob看", &["bob"]),
    ("请@小明看", &["小明"]),
    ("@小明", &["小明"]),
    ("@小明你好", &["小明"]),
    ("@小明hello", &["小明"]),
    ("@bobさん", &["bob"]),
    ("ขอ@bobดู", &["bob"]),
    ("@bob님", &["bob"]),
    ("@철수님", &[]),
    ("@철수 님", &["철수"]),
    ("@철수hello", &["철수"]),
    ("привет@bob", &["bob"]),
    ("привет@Иван", &["Иван"]),
    ("café@bob", &["bob"]),
    ("，@bob，", &["bob"]),
    ("看https://x.com，@bob", &["bob"]),
    // Beside punctuation.
    ("_@bob_", &["bob"]),
    ("**@bob**", &["bob"]),
    ("~@bob~", &["bob"]),
    (".@bob", &["bob"]),
    ("-@bob", &["bob"]),
    ("+@bob", &["bob"]),
    ("Hello.@bob", &["bob"]),
    ("/@bob", &["bob"]),
    ("@bob.", &["bob"]),
    ("@bob...", &["bob"]),
    ("@bob-", &["bob"]),
    ("@bob@", &["bob"]),
    // Whatever the case and form.
    ("@BOB @Lee", &["bob", "lee"]),
    ("@zoë", &["Zoë"]),
    ("@Zoe\u{308}", &["Zoë"]),
    ("@ИВАН", &["Иван"]),
    ("@STRASSE", &["Straße"]),
    ("@ipek", &["İpek"]),
    ("@ｂｏｂ", &["bob"]),
    // Punctuation belongs to a name only if nobody has the name without it.
    ("@lee.", &["lee"]),
    ("@dot.", &["dot."]),
    ("@dot..", &["dot."]),
    ("@dot", &[]),
    ("@_x_", &["_x_"]),
    ("@c-3_po.", &["c-3_po"]),
    ("@ann@home!", &["ann@home"]),
    ("@ANN@HOME", &["ann@home"]),
    // Never a part of another name.
    ("@lee_dohm", &[]),
    ("@lee.dohm", &[]),
    ("@lee-dohm", &[]),
    ("@lee+dohm", &[]),
    ("@leeds", &[]),
    ("@lee2", &[]),
    ("@boé", &[]),
    ("@bobа", &[]),
    ("@bobиван", &[]),
    ("@Zoe", &[]),
    ("@a\u{328}", &[]),
    ("@bob\u{93e}", &[]),
    ("@c-3", &[]),
    // E-mail addresses.
    ("mail@bob", &[]),
    ("x@a", &[]),
    ("ann@bob.com", &[]),
    ("a.b+c@bob", &[]),
    ("ann_@bob.com", &[]),
    ("josé@bob.com", &[]),
    ("почта@bob.рф", &[]),
    ("<mailto:ann@bob>", &[]),
    // Handles of other servers, and packages.
    ("@a@b.c", &[]),
    ("@bob@example.com", &[]),
    ("@lee@bob", &[]),
    ("@@bob", &[]),
    ("@bob/core", &[]),
    ("npm i @bob/core @lee", &["lee"]),
    ("@types/node", &[]),
    // URLs.
    ("https://example.com/@bob", &[]),
    ("https://bob:pw@bob/x", &[]),
    ("https://example.com/?q=@bob&r=@lee", &[]),
    ("see (https://example.com/@bob) @lee", &["lee"]),
    ("看https://example.com/@bob", &[]),
    ("www.example.com/@bob", &[]),
    ("example.com/@bob", &[]),
    ("example.com:8080/@bob", &[]),
    ("ftp://@bob", &[]),
    // Code.
    ("`@bob`", &[]),
    ("`a @bob` @lee", &["lee"]),
    ("``@bob ` @bob`` @lee", &["lee"]),
    ("`code`@bob", &["bob"]),
    ("it`s @bob", &["bob"]),
    ("`a\n@bob`", &[]),
    ("`a\n\n@bob`", &["bob"]),
    ("```\n@bob\n```\n@lee", &["lee"]),
    ("```rust\n@bob\n````\n@lee", &["lee"]),
    ("~~~\n@bob\n```\n@bob\n~~~ \n@lee", &["lee"]),
    ("  ```\n@bob", &[]),
    ("```@bob```", &[]),
    // Quotes.
    ("> @bob\n@lee", &["lee"]),
    ("   >@bob", &[]),
    ("@lee\n> @bob", &["lee"]),
    ("a > @bob", &["bob"]),
    // Nothing.
    ("@", &[]),
    ("@ bob", &[]),
    ("bob", &[]),
    ("@!", &[]),
    ("@-", &[]),
];

#[test]
fn members_are_mentioned_wherever_a_reader_sees_their_name() {
    for (text, want) in MENTIONS {
        assert_eq!(mentioned_in(text), *want, "{text:?}");
    }
}

#[test]
fn of_members_with_equal_names_only_the_exact_one_is_mentioned() {
    let mut facts = scene();
    for (id, name) in [(30, "max"), (31, "MAX"), (32, "Max")] {
        let username = Username::parse(name).unwrap();
        let account = AccountFacts { username: username.clone(), active: true, superuser: false };
        facts.add_account(UserId::new(id), account);
        if id != 32 {
            facts.add_member(Member::first(GROUP, UserId::new(id), username, Role::Member));
        }
    }
    let users = |text| mentions_in(facts.clone(), GROUP, OWNER, text).0;

    assert_eq!(users("@max"), [30]);
    assert_eq!(users("@MAX"), [31]);
    assert!(users("@Max").is_empty() && users("@mAX").is_empty());
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
        for text in ["@all", "@ALL: lunch", "请@all看", "@all."] {
            let got = mentions_in(scene(), conversation, by, text);
            assert_eq!(got, (vec![], want), "case: {name}, {text}");
        }
        for text in ["@allan", "all", "`@all`", "> @all", "@all/x", "x@all"] {
            let got = mentions_in(scene(), conversation, by, text);
            assert_eq!(got, (vec![], false), "case: {name}, {text}");
        }
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
