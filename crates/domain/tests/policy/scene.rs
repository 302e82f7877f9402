//! One actor of each kind, in a group, in the lobby, and in a direct conversation.

use domain::{
    AccountFacts, Action, AddedBy, AdditionFacts, ClientId, Conversation, ConversationId,
    ConversationKind, DecideError, Details, Facts, Head, Intent, Member, MemberStatus, MessageBody,
    MessageId, Needs, Outcome, Pair, Refusal, Role, Timestamp, UserId, Username, policy,
};

pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_000);
pub(crate) const LATER: Timestamp = Timestamp::from_seconds(2_000);

pub(crate) const LOBBY: ConversationId = ConversationId::LOBBY;
pub(crate) const GROUP: ConversationId = ConversationId::new(2);
/// The direct conversation of [`OWNER`] and [`MEMBER`].
pub(crate) const DIRECT: ConversationId = ConversationId::new(3);

pub(crate) const OWNER: UserId = UserId::new(1);
pub(crate) const ADMIN: UserId = UserId::new(2);
pub(crate) const MEMBER: UserId = UserId::new(3);
pub(crate) const READER: UserId = UserId::new(4);
/// A silenced member.
pub(crate) const SILENCED: UserId = UserId::new(5);
pub(crate) const LEFT: UserId = UserId::new(6);
pub(crate) const BANNED: UserId = UserId::new(7);
pub(crate) const STRANGER: UserId = UserId::new(8);
/// A superuser without membership.
pub(crate) const ROOT: UserId = UserId::new(9);
pub(crate) const DISABLED: UserId = UserId::new(10);
/// Members to act upon.
pub(crate) const ADMIN_2: UserId = UserId::new(11);
pub(crate) const MEMBER_2: UserId = UserId::new(12);

/// The actors, in the order of the rows of all tables.
const GROUP_ACTORS: [UserId; 10] =
    [OWNER, ADMIN, MEMBER, READER, SILENCED, LEFT, BANNED, STRANGER, ROOT, DISABLED];
const LOBBY_ACTORS: [UserId; 5] = [MEMBER, SILENCED, BANNED, ROOT, DISABLED];
const DIRECT_ACTORS: [UserId; 4] = [OWNER, STRANGER, ROOT, DISABLED];

const NAMES: [&str; 12] = [
    "owner", "admin", "member", "reader", "silenced", "left", "banned", "stranger", "root",
    "disabled", "admin2", "member2",
];

/// The expected result of an intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Yes,
    /// Allowed by superuser rights, with an entry in the audit log.
    Audited,
    No(Refusal),
}

pub(crate) const Y: Verdict = Verdict::Yes;
pub(crate) const AUDITED: Verdict = Verdict::Audited;
/// Visible, but not to be changed.
pub(crate) const NO: Verdict = Verdict::No(Refusal::Forbidden);
pub(crate) const UNSEEN: Verdict = Verdict::No(Refusal::NotFound);
pub(crate) const OUT: Verdict = Verdict::No(Refusal::Banned);
pub(crate) const MUTE: Verdict = Verdict::No(Refusal::Silenced { until: LATER });
pub(crate) const GONE: Verdict = Verdict::No(Refusal::NoAccount);
pub(crate) const HERE: Verdict = Verdict::No(Refusal::AlreadyMember);

/// Decides with all existing facts loaded.
pub(crate) trait DecideLoaded {
    fn decide_loaded(
        &mut self,
        intents: &[Intent],
        now: Timestamp,
    ) -> Vec<Result<Outcome, Refusal>>;
}

impl DecideLoaded for Facts {
    fn decide_loaded(
        &mut self,
        intents: &[Intent],
        now: Timestamp,
    ) -> Vec<Result<Outcome, Refusal>> {
        self.mark_loaded(needs(self, intents));
        self.decide_all(intents, now).unwrap()
    }
}

/// The needs of these intents, with those that depend on other facts.
pub(crate) fn needs(facts: &Facts, intents: &[Intent]) -> Needs {
    let mut needs = Needs::of(intents);
    facts.add_makers(&mut needs);
    needs
}

/// Everyone has sent one message in each conversation, before the roles and statuses below.
pub(crate) fn scene() -> Facts {
    let mut facts = Facts::new((100..200).map(MessageId::new));
    for (id, name) in (1..).map(UserId::new).zip(NAMES) {
        let username = Username::parse(name).unwrap();
        facts.add_account(id, AccountFacts { username, active: true, superuser: id == ROOT });
    }
    for by in (1..=12).map(UserId::new) {
        for user in (1..=12).map(UserId::new) {
            facts.add_addition(by, addition(user, AddedBy::Everyone));
        }
    }
    let pair = Pair::of(OWNER, MEMBER).unwrap();
    let kinds = [
        (LOBBY, ConversationKind::Lobby),
        (GROUP, ConversationKind::Group),
        (DIRECT, ConversationKind::Direct(pair)),
    ];
    for (id, kind) in kinds {
        facts.add_conversation(Conversation::new(id, kind, Details::default()), Head::new(id), 1);
    }
    let mut sent = Vec::new();
    for user in (1..=12).map(UserId::new).filter(|user| ![STRANGER, ROOT].contains(user)) {
        facts.add_member(row(GROUP, user, Role::Owner));
        sent.extend(facts.decide_loaded(&[send_x(GROUP, user), send_x(LOBBY, user)], NOW));
    }
    for user in [OWNER, MEMBER] {
        facts.add_member(row(DIRECT, user, Role::Member));
        sent.extend(facts.decide_loaded(&[send_x(DIRECT, user)], NOW));
    }
    for (id, kind) in kinds {
        add_stored(&mut facts, Conversation::new(id, kind, Details::default()), &sent);
    }
    for user in [OWNER, MEMBER] {
        facts.add_member(row(DIRECT, user, Role::Member));
    }
    assign_roles_and_statuses(&mut facts);
    facts
}

/// Adds a conversation with messages of an earlier batch.
fn add_stored(facts: &mut Facts, group: Conversation, sent: &[Result<Outcome, Refusal>]) {
    let id = group.id;
    let messages = sent.iter().filter_map(|answer| answer.as_ref().ok()?.message());
    let messages: Vec<_> = messages.filter(|message| message.conversation == id).collect();
    let newest = messages.last().unwrap();
    let (seq, msg_no, last_at) = (newest.seq_last, newest.msg_no, newest.created_at);
    facts.add_conversation(group, Head { seq, msg_no, last_at, ..Head::new(id) }, 1);
    for message in messages {
        facts.add_message(message.clone());
    }
}

fn assign_roles_and_statuses(facts: &mut Facts) {
    let roles = [
        (OWNER, Role::Owner),
        (ADMIN, Role::Admin),
        (ADMIN_2, Role::Admin),
        (READER, Role::Reader),
        (MEMBER, Role::Member),
        (MEMBER_2, Role::Member),
        (DISABLED, Role::Member),
    ];
    for (user, role) in roles {
        facts.add_member(row(GROUP, user, role));
    }
    for conversation in [GROUP, LOBBY] {
        let silenced = row(conversation, SILENCED, Role::Member);
        facts.add_member(Member { silenced_until: Some(LATER), ..silenced });
        let banned = row(conversation, BANNED, Role::Member);
        facts.add_member(Member { status: MemberStatus::Banned, ..banned });
    }
    facts.add_member(Member { status: MemberStatus::Left, ..row(GROUP, LEFT, Role::Member) });
    let username = Username::parse("disabled").unwrap();
    facts.add_account(DISABLED, AccountFacts { username, active: false, superuser: false });
}

/// By a stranger, without open invitations.
pub(crate) fn addition(user: UserId, added_by: AddedBy) -> AdditionFacts {
    AdditionFacts { user, added_by, is_acquaintance: false, invitations: 0 }
}

pub(crate) fn row(conversation: ConversationId, user: UserId, role: Role) -> Member {
    let name = NAMES.get(usize::try_from(user.get()).unwrap() - 1).unwrap();
    Member::first(conversation, user, Username::parse(name).unwrap(), role)
}

pub(crate) fn send_x(conversation: ConversationId, actor: UserId) -> Intent {
    text(conversation, actor, "x", 1)
}

pub(crate) fn text(conversation: ConversationId, actor: UserId, text: &str, n: u128) -> Intent {
    let body = MessageBody::parse(text).unwrap();
    let client_id = ClientId::new(n);
    let action = Action::Send { client_id, body, marked_edited: false, reply_to: None };
    Intent { conversation, actor, action }
}

/// A message of `author` in this conversation.
pub(crate) fn message_of(conversation: ConversationId, author: UserId) -> MessageId {
    let mut authors = (1..=12).map(UserId::new).filter(|user| ![STRANGER, ROOT].contains(user));
    let before = i64::try_from(authors.position(|user| user == author).unwrap()).unwrap();
    MessageId::new(match conversation {
        DIRECT => 120 + i64::from(author == MEMBER),
        _ => 100 + 2 * before + i64::from(conversation == LOBBY),
    })
}

pub(crate) fn verdict(
    facts: &Facts,
    conversation: ConversationId,
    actor: UserId,
    action: &Action,
) -> Verdict {
    let intent = Intent { conversation, actor, action: action.clone() };
    let mut facts = facts.clone();
    facts.mark_loaded(needs(&facts, std::slice::from_ref(&intent)));
    match policy::decide(&intent, &facts, NOW) {
        Ok(decision) if decision.audit.is_some() => Verdict::Audited,
        Ok(_) => Verdict::Yes,
        Err(DecideError::Refused(refusal)) => Verdict::No(refusal),
        Err(DecideError::NotLoaded(fact)) => panic!("{fact}"),
    }
}

fn check(
    facts: &Facts,
    conversation: ConversationId,
    actors: &[UserId],
    action: &Action,
    want: &[Verdict],
) {
    let got: Vec<_> =
        actors.iter().map(|actor| (*actor, verdict(facts, conversation, *actor, action))).collect();
    let want: Vec<_> = actors.iter().copied().zip(want.iter().copied()).collect();
    assert_eq!(got, want, "{action:?} in {conversation}");
}

/// Checks the results for: owner, admin, member, reader, silenced member, former member, banned
/// user, stranger, superuser, inactive account.
pub(crate) fn in_group(facts: &Facts, action: &Action, want: [Verdict; 10]) {
    check(facts, GROUP, &GROUP_ACTORS, action, &want);
}

/// Checks the results for: any account, silenced user, banned user, superuser, inactive account.
pub(crate) fn in_lobby(facts: &Facts, action: &Action, want: [Verdict; 5]) {
    check(facts, LOBBY, &LOBBY_ACTORS, action, &want);
}

/// Checks the results for: either member, a stranger, a superuser, an inactive account.
pub(crate) fn in_direct(facts: &Facts, action: &Action, want: [Verdict; 4]) {
    check(facts, DIRECT, &DIRECT_ACTORS, action, &want);
}
