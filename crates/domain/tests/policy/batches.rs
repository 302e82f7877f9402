//! Batches: numbering, retries, and what follows within one batch.

use std::sync::Arc;

use domain::{
    Account, AccountFacts, Action, AuthVersion, Change, ClientId, Conversation, ConversationId,
    ConversationKind, Details, ExpectedEdits, Facts, Head, Intent, Member, MemberStatus, Message,
    MessageBody, MessageEvent, MessageId, MsgNo, Outcome, Profile, Refusal, Role, Seq, Timestamp,
    UserId, Username, policy,
};

use crate::scene::DecideLoaded as _;

const LOBBY: ConversationId = ConversationId::LOBBY;
const GROUP: ConversationId = ConversationId::new(2);
const ALICE: UserId = UserId::new(1);
const BOB: UserId = UserId::new(2);
const ROOT: UserId = UserId::new(3);
const DISABLED: UserId = UserId::new(4);
const NOW: Timestamp = Timestamp::from_seconds(1_000);

fn facts() -> Facts {
    let mut facts = Facts::new((100..120).map(MessageId::new));
    let accounts = [
        (ALICE, "alice", true),
        (BOB, "bob", true),
        (ROOT, "root", true),
        (DISABLED, "gone", false),
    ];
    for (id, name, active) in accounts {
        let username = Username::parse(name).unwrap();
        facts.add_account(id, AccountFacts { username, active, superuser: id == ROOT });
    }
    for (id, kind) in [(LOBBY, ConversationKind::Lobby), (GROUP, ConversationKind::Group)] {
        let conversation = Conversation::new(id, kind, Details::default());
        facts.add_conversation(conversation, Head::new(id), 0);
    }
    facts
}

fn group(members: &[(UserId, Role)]) -> Facts {
    let mut facts = facts();
    let owners = members.iter().filter(|(_, role)| *role == Role::Owner).count();
    let conversation = Conversation::new(GROUP, ConversationKind::Group, Details::default());
    facts.add_conversation(conversation, Head::new(GROUP), owners);
    for (user, role) in members {
        let username = Username::parse(&format!("user{user}")).unwrap();
        facts.add_member(Member::first(GROUP, *user, username, *role));
    }
    facts
}

fn send(conversation: ConversationId, actor: UserId, client_id: u128, text: &str) -> Intent {
    let body = MessageBody::parse(text).unwrap();
    let client_id = ClientId::new(client_id);
    Intent {
        conversation,
        actor,
        action: Action::Send { client_id, body, marked_edited: false, reply_to: None },
    }
}

fn intent(conversation: ConversationId, actor: UserId, action: Action) -> Intent {
    Intent { conversation, actor, action }
}

fn edit(actor: UserId, message: i64, text: &str) -> Intent {
    let body = Some(MessageBody::parse(text).unwrap());
    intent(
        LOBBY,
        actor,
        Action::Edit { message: MessageId::new(message), body, expected: ExpectedEdits::Any },
    )
}

fn delete(actor: UserId, message: i64) -> Intent {
    intent(
        LOBBY,
        actor,
        Action::Delete { message: MessageId::new(message), expected: ExpectedEdits::Any },
    )
}

fn ban(conversation: ConversationId, actor: UserId, user: UserId) -> Intent {
    intent(conversation, actor, Action::Ban { user })
}

fn message(result: &Result<Outcome, Refusal>) -> Arc<Message> {
    Arc::clone(result.as_ref().unwrap().message().unwrap())
}

#[test]
fn hidden_presence_is_visible_only_to_the_account_itself() {
    let account = |hides_presence| Account {
        id: ALICE,
        username: Username::parse("alice").unwrap(),
        email: None,
        active: true,
        superuser: false,
        valid_from: NOW,
        auth_version: AuthVersion::FIRST,
        profile: Profile { hides_presence, ..Profile::default() },
        last_seen_at: Some(NOW),
    };
    let cases = [
        (ALICE, false, false, true),
        (BOB, false, false, true),
        (ALICE, true, false, true),
        (BOB, true, false, false),
        (BOB, false, true, false),
    ];

    for (viewer, hides, is_block_between, want) in cases {
        let got = policy::may_see_presence(viewer, &account(hides), is_block_between);

        assert_eq!(got, want, "{viewer}, alice hides: {hides}, a block: {is_block_between}");
    }
}

#[test]
fn each_batch_numbers_its_changes_without_gaps() {
    let mut facts = facts();

    let results = facts.decide_loaded(
        &[
            send(LOBBY, ALICE, 1, "a"),
            edit(BOB, 100, "not mine"),
            send(LOBBY, BOB, 1, "b"),
            edit(ALICE, 100, "a2"),
            delete(BOB, 101),
        ],
        NOW,
    );

    assert_eq!(results[1], Err(Refusal::NotFound));
    let changed: Vec<_> = [0, 2, 3, 4].map(|i| message(&results[i])).to_vec();
    assert_eq!(changed.iter().map(|m| m.seq_last.get()).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(changed.iter().map(|m| m.msg_no.get()).collect::<Vec<_>>(), [1, 2, 1, 2]);
    assert_eq!(changed.iter().map(|m| m.id.get()).collect::<Vec<_>>(), [100, 101, 100, 101]);
    let writes = facts.writes();
    assert_eq!(writes.created, [Arc::clone(&changed[2]), Arc::clone(&changed[3])]);
    assert!(writes.updated.is_empty());
    assert_eq!(writes.heads.len(), 1);
    assert_eq!((writes.heads[0].seq, writes.heads[0].msg_no), (Seq::new(4), MsgNo::new(2)));
}

#[test]
fn time_ascends_with_the_sequence_when_the_clock_goes_back() {
    let mut facts = facts();

    let first = message(&facts.decide_loaded(&[send(LOBBY, ALICE, 1, "a")], NOW)[0]);
    let earlier = Timestamp::from_seconds(1);
    let second = message(&facts.decide_loaded(&[send(LOBBY, ALICE, 2, "b")], earlier)[0]);

    assert_eq!(first.created_at, NOW);
    assert_eq!(second.created_at, NOW.next());
}

#[test]
fn client_ids_are_unique_per_author() {
    let mut facts = facts();

    let results = facts.decide_loaded(
        &[
            send(LOBBY, ALICE, 7, "hello"),
            send(LOBBY, ALICE, 7, "hello"),
            send(LOBBY, ALICE, 7, "other"),
            send(LOBBY, BOB, 7, "hello"),
        ],
        NOW,
    );

    assert_eq!(results[1], Ok(Outcome::AlreadyStored(message(&results[0]))));
    assert_eq!(results[2], Err(Refusal::ClientIdReused));
    assert_ne!(message(&results[3]).id, message(&results[0]).id);
}

#[test]
fn a_retry_after_an_edit_matches_the_first_text() {
    let mut facts = facts();

    let results = facts.decide_loaded(
        &[
            send(LOBBY, ALICE, 7, "first"),
            edit(ALICE, 100, "second"),
            send(LOBBY, ALICE, 7, "first"),
        ],
        NOW,
    );

    assert_eq!(message(&results[2]).body.as_str(), "second");
}

#[test]
fn an_edit_without_text_marks_the_message_only() {
    let mut facts = facts();
    let touch =
        Action::Edit { message: MessageId::new(100), body: None, expected: ExpectedEdits::Any };

    let results =
        facts.decide_loaded(&[send(LOBBY, ALICE, 1, " kept "), intent(LOBBY, ALICE, touch)], NOW);

    let touched = message(&results[1]);
    assert_eq!((touched.body.as_str(), touched.is_edited()), (" kept ", true));
}

#[test]
fn a_deletion_erases_the_text_and_is_final() {
    let mut facts = facts();

    let results = facts.decide_loaded(
        &[
            send(LOBBY, ALICE, 1, "x"),
            delete(ALICE, 100),
            delete(ALICE, 100),
            edit(ALICE, 100, "y"),
        ],
        NOW,
    );

    let tombstone = message(&results[1]);
    assert!(tombstone.is_deleted());
    assert_eq!(tombstone.body.as_str(), "");
    assert_eq!(results[2..], [Err(Refusal::NotFound), Err(Refusal::NotFound)]);
}

#[test]
fn a_ban_affects_later_intents_of_the_same_batch() {
    let mut facts = facts();

    let results = facts.decide_loaded(
        &[send(LOBBY, BOB, 1, "before"), ban(LOBBY, ROOT, BOB), send(LOBBY, BOB, 2, "after")],
        NOW,
    );

    assert!(results[0].is_ok() && results[1].is_ok());
    assert_eq!(results[2], Err(Refusal::Banned));
    assert_eq!(facts.writes().members.len(), 1);
}

#[test]
fn invisible_conversations_are_refused_as_not_found() {
    let cases = [
        ("unknown account", send(LOBBY, UserId::new(9), 1, "x"), Refusal::NoAccount),
        ("disabled account", send(LOBBY, DISABLED, 1, "x"), Refusal::NoAccount),
        ("unknown conversation", send(ConversationId::new(9), ALICE, 1, "x"), Refusal::NotFound),
        ("no member", send(GROUP, ALICE, 1, "x"), Refusal::NotFound),
        ("no member leaves", intent(GROUP, ALICE, Action::Leave), Refusal::NotFound),
        ("superuser is no member", send(GROUP, ROOT, 1, "x"), Refusal::NotFound),
    ];

    for (name, intent, want) in cases {
        assert_eq!(facts().decide_loaded(&[intent], NOW), [Err(want)], "case: {name}");
    }
}

#[test]
fn only_readers_cannot_write() {
    for (role, allowed) in
        [(Role::Owner, true), (Role::Admin, true), (Role::Member, true), (Role::Reader, false)]
    {
        let got = group(&[(ALICE, role)]).decide_loaded(&[send(GROUP, ALICE, 1, "x")], NOW);
        assert_eq!(got[0].is_ok(), allowed, "{role:?}");
        assert!(allowed || got[0] == Err(Refusal::Forbidden), "{role:?}");
    }
}

#[test]
fn only_higher_roles_can_ban() {
    let members = [(ALICE, Role::Owner), (BOB, Role::Member), (UserId::new(5), Role::Admin)];
    let cases = [
        ("owner bans member", GROUP, ALICE, BOB, Ok(())),
        ("admin bans member", GROUP, UserId::new(5), BOB, Ok(())),
        ("admin bans owner", GROUP, UserId::new(5), ALICE, Err(Refusal::Forbidden)),
        ("member bans admin", GROUP, BOB, UserId::new(5), Err(Refusal::Forbidden)),
        ("owner bans the owner", GROUP, ALICE, ALICE, Err(Refusal::Forbidden)),
        ("owner bans a stranger", GROUP, ALICE, DISABLED, Err(Refusal::NotFound)),
        ("user bans in the lobby", LOBBY, ALICE, BOB, Err(Refusal::Forbidden)),
        ("superuser bans in the lobby", LOBBY, ROOT, BOB, Ok(())),
        ("superuser bans from a group of others", GROUP, ROOT, BOB, Ok(())),
        ("a stranger bans from a group", GROUP, DISABLED, BOB, Err(Refusal::NoAccount)),
        ("superuser bans an unknown user", LOBBY, ROOT, UserId::new(9), Err(Refusal::NotFound)),
    ];

    for (name, conversation, actor, user, want) in cases {
        let mut facts = group(&members);
        let username = Username::parse("admin").unwrap();
        let admin = AccountFacts { username, active: true, superuser: false };
        facts.add_account(UserId::new(5), admin);
        let got = facts.decide_loaded(&[ban(conversation, actor, user)], NOW).remove(0).map(drop);
        assert_eq!(got, want, "case: {name}");
    }
}

#[test]
fn the_last_owner_cannot_leave() {
    let leave = |user| intent(GROUP, user, Action::Leave);

    let one = group(&[(ALICE, Role::Owner)]).decide_loaded(&[leave(ALICE), leave(ALICE)], NOW);
    let two = group(&[(ALICE, Role::Owner), (BOB, Role::Owner)])
        .decide_loaded(&[leave(ALICE), leave(ALICE), leave(BOB)], NOW);

    assert_eq!(one, [Err(Refusal::LastOwner), Err(Refusal::LastOwner)]);
    assert!(matches!(
        two[0],
        Ok(Outcome::Applied(Change::Member(Member { status: MemberStatus::Left, .. })))
    ));
    assert_eq!(two[1..], [Err(Refusal::NotFound), Err(Refusal::LastOwner)]);
}

#[test]
fn the_lobby_cannot_be_left() {
    let got = facts().decide_loaded(&[intent(LOBBY, ALICE, Action::Leave)], NOW);

    assert_eq!(got, [Err(Refusal::Forbidden)]);
}

#[test]
fn message_events_depend_on_the_viewers_cursor() {
    let mut facts = facts();
    let results = facts.decide_loaded(
        &[
            send(LOBBY, ALICE, 1, "a"),
            send(LOBBY, ALICE, 2, "b"),
            edit(ALICE, 100, "a2"),
            delete(ALICE, 101),
        ],
        NOW,
    );
    let (edited, deleted) = (message(&results[2]), message(&results[3]));
    let at = Seq::new;

    assert_eq!(edited.event_since(at(0)), Some(MessageEvent::Created));
    assert_eq!(edited.event_since(at(1)), Some(MessageEvent::Updated));
    assert_eq!(edited.event_since(at(3)), None);
    assert_eq!(deleted.event_since(at(1)), None);
    assert_eq!(deleted.event_since(at(2)), Some(MessageEvent::Deleted));
    assert_eq!(deleted.event_since(at(4)), None);
}
