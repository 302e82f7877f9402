//! Values that tests need, with as few arguments as possible.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use application::LimitRules;
use application::ports::{Backoff, NewAccount, NewSession, Quota};
use domain::{
    Action, Change, ClientId, ConversationId, Details, Email, ExpectedEdits, Intent, Member,
    MessageBody, MessageId, NameRule, NewGroup, PasswordHash, RefreshToken, Role, Seq, SessionId,
    Timestamp, TokenId, UserId, Username,
};

#[must_use]
pub fn username(name: &str) -> Username {
    Username::parse(name).expect("a test's name is valid")
}

#[must_use]
pub fn email(address: &str) -> Email {
    Email::parse(address).expect("a test's address is valid")
}

#[must_use]
pub fn body(text: &str) -> MessageBody {
    MessageBody::parse(text).expect("a test's text is valid")
}

#[must_use]
pub fn client_id(n: u128) -> ClientId {
    ClientId::new(n)
}

/// An account with this name and the address `name@example.com`.
#[must_use]
pub fn new_account(name: &str) -> NewAccount {
    NewAccount {
        username: username(name),
        email: Some(email(&format!("{name}@example.com"))),
        password: PasswordHash::new(format!("instant$0${name}")),
        superuser: false,
        valid_from: at(0),
        names: NameRule::Folded,
        first_session: None,
    }
}

/// A group that its first member creates, under a client id of its own.
#[must_use]
pub fn new_group(members: Vec<(UserId, Role)>) -> NewGroup {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    // Far from the ids that tests choose.
    let client_id = client_id(u128::from(NEXT.fetch_add(1, Ordering::Relaxed)) << 64);
    let (creator, _) = members.first().copied().expect("a group has a member");
    NewGroup { creator, client_id, details: Details::default(), members, invited: BTreeSet::new() }
}

/// `n` is the client id.
#[must_use]
pub fn send(conversation: ConversationId, actor: UserId, n: u128, text: &str) -> Intent {
    let client_id = client_id(n);
    let action = Action::Send { client_id, body: body(text), marked_edited: false, reply_to: None };
    Intent { conversation, actor, action }
}

/// Without a text, it only marks the message as edited.
#[must_use]
pub fn edit(
    conversation: ConversationId,
    actor: UserId,
    message: MessageId,
    text: Option<&str>,
) -> Intent {
    let action = Action::Edit { message, body: text.map(body), expected: ExpectedEdits::Any };
    Intent { conversation, actor, action }
}

#[must_use]
pub fn delete(conversation: ConversationId, actor: UserId, message: MessageId) -> Intent {
    let action = Action::Delete { message, expected: ExpectedEdits::Any };
    Intent { conversation, actor, action }
}

#[must_use]
pub fn leave(conversation: ConversationId, actor: UserId) -> Intent {
    Intent { conversation, actor, action: Action::Leave }
}

#[must_use]
pub fn intent(conversation: ConversationId, actor: UserId, action: Action) -> Intent {
    Intent { conversation, actor, action }
}

#[must_use]
pub fn member_change(conversation: ConversationId, user: UserId, seq: i64) -> Change {
    let member = Member::first(conversation, user, username("member"), Role::Member);
    Change::Member(Member { seq_last: Seq::new(seq), ..member })
}

#[must_use]
pub fn ban(conversation: ConversationId, actor: UserId, user: UserId) -> Intent {
    Intent { conversation, actor, action: Action::Ban { user } }
}

#[must_use]
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

/// A session with token number 1. Times are in seconds.
#[must_use]
pub fn new_session(session: SessionId, opened: i64, expires: i64) -> NewSession {
    let first = refresh_token(session, 1, opened, expires);
    NewSession { session, first, opened_at: at(opened) }
}

/// Refresh token number `random` of a session. Times are in seconds.
#[must_use]
pub fn refresh_token(session: SessionId, random: u64, issued: i64, expires: i64) -> RefreshToken {
    let id = TokenId::of(session, random);
    RefreshToken { id, issued_at: at(issued), expires_at: at(expires) }
}

/// Limits that no test reaches.
#[must_use]
pub fn wide_limits() -> LimitRules {
    let wide = Quota::new(1_000_000, Duration::from_secs(1), 1_000_000);
    let hour = Duration::from_hours(1);
    LimitRules {
        credentials_by_address: wide,
        failed_sign_ins: Backoff { free: u32::MAX, longest: hour, forgotten_after: hour },
        sign_ins_from_new_addresses: wide,
        known_address: hour,
        registrations_by_address: wide,
        handshakes_by_address: wide,
        sockets_by_address: usize::MAX,
        sockets_by_account: usize::MAX,
        reads_by_account: wide,
        reads_by_address: wide,
        open_reads_by_account: usize::MAX,
        open_reads_by_address: usize::MAX,
        messages_by_account: wide,
        messages_by_conversation: wide,
        text_by_account: wide,
        daily_text_by_account: wide,
    }
}
