//! Values with as little said as a test needs.

use std::time::Duration;

use application::LimitRules;
use application::ports::{Backoff, NewAccount, NewSession, Quota};
use domain::{
    Action, Change, ClientId, ConversationId, Email, Intent, Member, MessageBody, MessageId,
    PasswordHash, RefreshToken, Role, Seq, SessionId, Timestamp, TokenId, UserId, Username,
};

/// A name.
#[must_use]
pub fn username(name: &str) -> Username {
    Username::parse(name).expect("a test's name is valid")
}

/// An address.
#[must_use]
pub fn email(address: &str) -> Email {
    Email::parse(address).expect("a test's address is valid")
}

/// A text.
#[must_use]
pub fn body(text: &str) -> MessageBody {
    MessageBody::parse(text).expect("a test's text is valid")
}

/// A client id.
#[must_use]
pub fn client_id(n: u128) -> ClientId {
    ClientId::new(n)
}

/// An account of this name, with the address `name@example.com`.
#[must_use]
pub fn new_account(name: &str) -> NewAccount {
    NewAccount {
        username: username(name),
        email: Some(email(&format!("{name}@example.com"))),
        password: PasswordHash::new(format!("instant$0${name}")),
        superuser: false,
        first_session: None,
    }
}

/// A wish to say `text`, named `n` by its sender.
#[must_use]
pub fn send(conversation: ConversationId, actor: UserId, n: u128, text: &str) -> Intent {
    let client_id = client_id(n);
    let action = Action::Send { client_id, body: body(text), marked_edited: false, reply_to: None };
    Intent { conversation, actor, action }
}

/// A wish to change a message to `text`, or to mark it edited.
#[must_use]
pub fn edit(
    conversation: ConversationId,
    actor: UserId,
    message: MessageId,
    text: Option<&str>,
) -> Intent {
    let action = Action::Edit { message, body: text.map(body), expected_edits: None };
    Intent { conversation, actor, action }
}

/// A wish to delete a message.
#[must_use]
pub fn delete(conversation: ConversationId, actor: UserId, message: MessageId) -> Intent {
    Intent { conversation, actor, action: Action::Delete { message } }
}

/// A wish to leave.
#[must_use]
pub fn leave(conversation: ConversationId, actor: UserId) -> Intent {
    Intent { conversation, actor, action: Action::Leave }
}

/// A wish to do anything.
#[must_use]
pub fn intent(conversation: ConversationId, actor: UserId, action: Action) -> Intent {
    Intent { conversation, actor, action }
}

/// A change to somebody's part in a conversation.
#[must_use]
pub fn member_change(conversation: ConversationId, user: UserId, seq: i64) -> Change {
    let member = Member::first(conversation, user, username("somebody"), Role::Member);
    Change::Member(Member { seq_last: Seq::new(seq), ..member })
}

/// A wish to shut `user` out.
#[must_use]
pub fn ban(conversation: ConversationId, actor: UserId, user: UserId) -> Intent {
    Intent { conversation, actor, action: Action::Ban { user } }
}

/// A moment, in whole seconds.
#[must_use]
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

/// A session with its token number 1, opened at one second and lasting to another.
#[must_use]
pub fn new_session(session: SessionId, opened: i64, expires: i64) -> NewSession {
    let first = refresh_token(session, 1, opened, expires);
    NewSession { session, first, opened_at: at(opened) }
}

/// Our refresh token number `random` of a session, valid from and to these seconds.
#[must_use]
pub fn refresh_token(session: SessionId, random: u64, issued: i64, expires: i64) -> RefreshToken {
    let id = TokenId::of(session, random);
    RefreshToken { id, issued_at: at(issued), expires_at: at(expires) }
}

/// Limits that no test reaches; one that wants to sets its own.
#[must_use]
pub fn wide_limits() -> LimitRules {
    let wide = Quota::new(1_000_000, Duration::from_secs(1), 1_000_000);
    let hour = Duration::from_hours(1);
    LimitRules {
        credentials_by_address: wide,
        failed_sign_ins: Backoff { free: u32::MAX, longest: hour, forgotten_after: hour },
        known_address: hour,
        registrations_by_address: wide,
        handshakes_by_address: wide,
        sockets_by_address: usize::MAX,
        sockets_by_account: usize::MAX,
        messages_by_account: wide,
        messages_by_conversation: wide,
    }
}
