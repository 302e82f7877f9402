//! Sending, editing, deleting, reacting, pinning.

use domain::{
    Action, ClientId, Conversation, ConversationKind, Details, Emoji, ExpectedEdits, Facts, Head,
    HistoryRule, Intent, Member, MessageBody, MessageId, MsgNo, Refusal, Role, Seq, UserId,
};

use crate::scene::{
    ADMIN, AUDITED, BANNED, DIRECT, DecideLoaded as _, GONE, GROUP, LEFT, LOBBY, MEMBER, MEMBER_2,
    MUTE, NO, NOW, OUT, OWNER, READER, ROOT, SILENCED, UNSEEN, Verdict, Y, in_direct, in_group,
    in_lobby, message_of, row, scene, send_x, verdict,
};

fn send(reply_to: Option<MessageId>) -> Action {
    let (client_id, body) = (ClientId::new(99), MessageBody::parse("y").unwrap());
    Action::Send { client_id, body, marked_edited: false, reply_to }
}

fn edit(message: MessageId) -> Action {
    let body = Some(MessageBody::parse("y").unwrap());
    Action::Edit { message, body, expected: ExpectedEdits::Any }
}

fn delete(message: MessageId) -> Action {
    Action::Delete { message, expected: ExpectedEdits::Any }
}

fn react(message: MessageId) -> Action {
    Action::React { message, emoji: Emoji::parse(":x:").unwrap(), present: true }
}

#[test]
fn members_with_write_access_can_send() {
    let facts = scene();

    in_group(&facts, &send(None), [Y, Y, Y, NO, MUTE, UNSEEN, OUT, UNSEEN, UNSEEN, GONE]);
    in_lobby(&facts, &send(None), [Y, MUTE, OUT, Y, GONE]);
    in_direct(&facts, &send(None), [Y, UNSEEN, UNSEEN, GONE]);
}

#[test]
fn members_with_write_access_can_react() {
    let facts = scene();
    let to = |conversation, author| react(message_of(conversation, author));

    let action = to(GROUP, MEMBER_2);
    in_group(&facts, &action, [Y, Y, Y, NO, MUTE, UNSEEN, OUT, UNSEEN, UNSEEN, GONE]);
    in_lobby(&facts, &to(LOBBY, MEMBER_2), [Y, MUTE, OUT, Y, GONE]);
    in_direct(&facts, &to(DIRECT, MEMBER), [Y, UNSEEN, UNSEEN, GONE]);
}

#[test]
fn group_admins_and_direct_members_can_pin() {
    let facts = scene();
    let of = |conversation, author| Action::Pin {
        message: message_of(conversation, author),
        pinned: true,
    };

    let action = of(GROUP, MEMBER_2);
    in_group(&facts, &action, [Y, Y, NO, NO, NO, UNSEEN, OUT, UNSEEN, UNSEEN, GONE]);
    in_lobby(&facts, &of(LOBBY, MEMBER_2), [NO, NO, OUT, Y, GONE]);
    in_direct(&facts, &of(DIRECT, MEMBER), [Y, UNSEEN, UNSEEN, GONE]);
}

#[test]
fn only_authors_can_edit() {
    let facts = scene();
    let of = |conversation, author| edit(message_of(conversation, author));

    let action = of(GROUP, MEMBER_2);
    in_group(&facts, &action, [NO, NO, NO, NO, NO, UNSEEN, OUT, UNSEEN, UNSEEN, GONE]);
    in_lobby(&facts, &of(LOBBY, MEMBER_2), [NO, NO, OUT, NO, GONE]);
    in_direct(&facts, &of(DIRECT, MEMBER), [NO, UNSEEN, UNSEEN, GONE]);
}

#[test]
fn group_admins_and_superusers_can_delete() {
    let facts = scene();
    let of = |conversation, author| delete(message_of(conversation, author));

    let action = of(GROUP, MEMBER_2);
    in_group(&facts, &action, [Y, Y, NO, NO, NO, UNSEEN, OUT, UNSEEN, AUDITED, GONE]);
    in_lobby(&facts, &of(LOBBY, MEMBER_2), [NO, NO, OUT, AUDITED, GONE]);
    in_direct(&facts, &of(DIRECT, MEMBER), [NO, UNSEEN, UNSEEN, GONE]);
}

/// Editing, deleting and reacting to own messages.
#[test]
fn authors_change_own_messages_while_they_may_write() {
    let cases: [(UserId, [Verdict; 3]); 6] = [
        (ADMIN, [Y, Y, Y]),
        (MEMBER, [Y, Y, Y]),
        (READER, [NO, Y, NO]),
        (SILENCED, [MUTE, Y, MUTE]),
        (LEFT, [UNSEEN, UNSEEN, UNSEEN]),
        (BANNED, [OUT, OUT, OUT]),
    ];
    let facts = scene();

    for (author, want) in cases {
        let message = message_of(GROUP, author);
        let actions = [edit(message), delete(message), react(message)];
        let got = actions.map(|action| verdict(&facts, GROUP, author, &action));
        assert_eq!(got, want, "{author}");
    }
}

#[test]
fn a_version_that_is_not_expected_is_neither_edited_nor_deleted() {
    const OUTDATED: Verdict = Verdict::No(Refusal::Outdated);
    let mut facts = scene();
    let message = message_of(GROUP, MEMBER);
    let edit = |expected: &[i64]| Action::Edit {
        message,
        body: None,
        expected: ExpectedEdits::OneOf(expected.into()),
    };
    let delete = |expected: &[i64]| Action::Delete {
        message,
        expected: ExpectedEdits::OneOf(expected.into()),
    };
    let ask = |facts: &Facts, expected: &[i64]| {
        [edit(expected), delete(expected)].map(|action| verdict(facts, GROUP, MEMBER, &action))
    };

    assert_eq!((ask(&facts, &[0]), ask(&facts, &[1])), ([Y; 2], [OUTDATED; 2]));
    facts.decide_loaded(&[Intent { conversation: GROUP, actor: MEMBER, action: edit(&[0]) }], NOW);

    assert_eq!((ask(&facts, &[0]), ask(&facts, &[1])), ([OUTDATED; 2], [Y; 2]));
    assert_eq!((ask(&facts, &[]), ask(&facts, &[5, 1])), ([OUTDATED; 2], [Y; 2]));
    // A moderator's deletion, too.
    assert_eq!(verdict(&facts, GROUP, OWNER, &delete(&[0])), OUTDATED);
    assert_eq!(verdict(&facts, GROUP, OWNER, &delete(&[1])), Y);
}

/// Replying to, reacting to, pinning and deleting a message from before the admin joined.
#[test]
fn messages_before_joining_are_hidden_unless_the_group_shows_history() {
    for (history, want) in [(HistoryRule::SinceJoined, UNSEEN), (HistoryRule::All, Y)] {
        let mut facts = scene();
        let message = message_of(GROUP, OWNER);
        let late = Member { visible_after: MsgNo::new(5), ..row(GROUP, ADMIN, Role::Admin) };
        let details = Details { history, ..Details::default() };
        show(&mut facts, details, message, late);
        let actions = [
            send(Some(message)),
            react(message),
            Action::Pin { message, pinned: true },
            delete(message),
        ];
        for action in actions {
            let is_reply = matches!(action, Action::Send { .. }) && want == UNSEEN;
            let want = if is_reply { Verdict::No(Refusal::UnknownReply) } else { want };
            assert_eq!(verdict(&facts, GROUP, ADMIN, &action), want, "{action:?} with {history:?}");
        }
    }
}

/// Loads the group with these details, and only this message.
fn show(facts: &mut Facts, details: Details, message: MessageId, late: Member) {
    let again = facts.decide_loaded(&[send_x(GROUP, OWNER)], NOW).remove(0).unwrap();
    let kept = again.message().unwrap().clone();
    assert_eq!(kept.id, message);
    let group = Conversation::new(GROUP, ConversationKind::Group, details);
    let head = Head { seq: Seq::new(20), msg_no: MsgNo::new(20), ..Head::new(GROUP) };
    facts.add_conversation(group, head, 1);
    facts.add_message(kept);
    facts.add_member(late);
}

/// Writing answers as reading does, whatever the role.
#[test]
fn messages_of_blocked_users_are_hidden_from_writers() {
    let mut facts = scene();
    facts.add_block(ADMIN, MEMBER_2);
    facts.add_block(OWNER, MEMBER);
    let message = message_of(GROUP, MEMBER_2);
    let actions = [
        (send(Some(message)), Verdict::No(Refusal::UnknownReply)),
        (edit(message), UNSEEN),
        (react(message), UNSEEN),
        (Action::Pin { message, pinned: true }, UNSEEN),
        (delete(message), UNSEEN),
    ];

    for (action, want) in actions {
        assert_eq!(verdict(&facts, GROUP, ADMIN, &action), want, "{action:?}");
    }
    assert_eq!(verdict(&facts, GROUP, ADMIN, &react(message_of(GROUP, OWNER))), Y);
    let own = message_of(DIRECT, OWNER);
    assert_eq!(verdict(&facts, DIRECT, OWNER, &react(own)), Y);
    assert_eq!(verdict(&facts, DIRECT, OWNER, &react(message_of(DIRECT, MEMBER))), UNSEEN);
}

#[test]
fn group_admins_and_superusers_remove_reactions_of_others() {
    let facts = scene();
    let of = |conversation, author, emoji| Action::Unreact {
        message: message_of(conversation, author),
        user: MEMBER,
        emoji,
    };
    let emoji = || Some(Emoji::parse(":x:").unwrap());

    let action = of(GROUP, MEMBER_2, emoji());
    in_group(&facts, &action, [Y, Y, NO, NO, NO, UNSEEN, OUT, UNSEEN, AUDITED, GONE]);
    in_lobby(&facts, &of(LOBBY, MEMBER_2, emoji()), [NO, NO, OUT, AUDITED, GONE]);
    in_direct(&facts, &of(DIRECT, MEMBER, emoji()), [NO, UNSEEN, UNSEEN, GONE]);
    let all = of(GROUP, MEMBER_2, None);
    in_group(&facts, &all, [NO, NO, NO, NO, NO, UNSEEN, OUT, UNSEEN, NO, GONE]);
}

/// Without an entry of its own in the audit log.
#[test]
fn all_reactions_of_a_banned_user_can_be_removed() {
    let mut facts = scene();
    let message = message_of(GROUP, MEMBER_2);
    let intent = |actor, action| Intent { conversation: GROUP, actor, action };
    let reactions = [(MEMBER, ":x:"), (MEMBER, ":y:"), (ADMIN, ":x:")].map(|(actor, emoji)| {
        let emoji = Emoji::parse(emoji).unwrap();
        intent(actor, Action::React { message, emoji, present: true })
    });
    assert!(facts.decide_loaded(&reactions, NOW).iter().all(Result::is_ok));
    let unreact = Action::Unreact { message, user: MEMBER, emoji: None };
    assert_eq!(verdict(&facts, GROUP, OWNER, &unreact), NO);
    facts.add_block(OWNER, MEMBER_2);

    let answers = facts.decide_loaded(
        &[intent(OWNER, Action::Ban { user: MEMBER }), intent(OWNER, unreact.clone())],
        NOW,
    );

    let left = answers[1].as_ref().unwrap().message().unwrap().reactions.clone();
    let left: Vec<_> = left.iter().map(|reaction| reaction.users.clone()).collect();
    assert_eq!(left, [[ADMIN]]);
    assert_eq!(verdict(&facts, GROUP, OWNER, &unreact), UNSEEN, "nothing is left");
    assert_eq!(verdict(&facts, GROUP, ROOT, &unreact), UNSEEN);
}
