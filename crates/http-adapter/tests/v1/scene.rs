//! A group with a user in every role, and the operations that the tests try there.

use application::ports::{AccountStore, ConversationStore as _, SessionStore as _};
use domain::{
    Account, Action, ConversationId, Details, HistoryRule, Intent, MessageId, NewGroup, Role,
    SessionId, UserId,
};
use memory::InMemoryChat;
use testkit::values;

/// The relations of users to the group, in the order of the columns of the tables.
pub(crate) const ACTORS: [&str; 8] =
    ["owner", "admin", "member", "reader", "left", "banned", "stranger", "root"];

/// The session of the target.
pub(crate) const SESSION: SessionId = SessionId::new(7);

/// The outcome of an attempt: `.` is success, a letter is a kind of problem.
pub(crate) fn outcome(letter: char) -> &'static str {
    match letter {
        '.' => "done",
        'f' => "forbidden",
        'n' => "not-found",
        'b' => "banned",
        'o' => "last-owner",
        'm' => "already-member",
        'i' => "invalid-request",
        _ => panic!("unknown outcome {letter}"),
    }
}

/// An operation as a request and as a frame, with names in place of ids.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) body: &'static str,
    pub(crate) frame: &'static str,
    /// The outcomes, for each of [`ACTORS`].
    pub(crate) want: &'static str,
}

/// The operations that REST and the socket share.
pub(crate) const ON_REST_AND_SOCKET: [Operation; 14] = [
    operation(
        "POST",
        "/conversations/{group}/messages",
        r#"{"body": "x"}"#,
        r#"{"type": "send", "conversation": {group}, "body": "x"}"#,
        "...fnbnn",
    ),
    operation(
        "POST",
        "/conversations/{group}/messages",
        r#"{"body": "x", "reply_to": {foreign}}"#,
        r#"{"type": "send", "conversation": {group}, "body": "x", "reply_to": {foreign}}"#,
        "...fnbnn",
    ),
    operation(
        "POST",
        "/conversations/{group}/messages",
        r#"{"body": "x", "reply_to": {hidden}}"#,
        r#"{"type": "send", "conversation": {group}, "body": "x", "reply_to": {hidden}}"#,
        ".iifnbnn",
    ),
    operation(
        "PATCH",
        "/conversations/{group}/messages/{foreign}",
        r#"{"body": "x"}"#,
        r#"{"type": "edit", "conversation": {group}, "message": {foreign}, "body": "x"}"#,
        "ffffnbnn",
    ),
    // Actors without a message of their own try a foreign one, here and below.
    operation(
        "PATCH",
        "/conversations/{group}/messages/{own}",
        r#"{"body": "x"}"#,
        r#"{"type": "edit", "conversation": {group}, "message": {own}, "body": "x"}"#,
        "...fnbnn",
    ),
    operation(
        "PATCH",
        "/conversations/{group}/messages/{hidden}",
        r#"{"body": "x"}"#,
        r#"{"type": "edit", "conversation": {group}, "message": {hidden}, "body": "x"}"#,
        ".nnnnbnn",
    ),
    operation(
        "DELETE",
        "/conversations/{group}/messages/{foreign}",
        "null",
        r#"{"type": "delete", "conversation": {group}, "message": {foreign}}"#,
        "..ffnbn.",
    ),
    operation(
        "DELETE",
        "/conversations/{group}/messages/{own}",
        "null",
        r#"{"type": "delete", "conversation": {group}, "message": {own}}"#,
        "...fnbn.",
    ),
    operation(
        "DELETE",
        "/conversations/{group}/messages/{hidden}",
        "null",
        r#"{"type": "delete", "conversation": {group}, "message": {hidden}}"#,
        ".nnnnbn.",
    ),
    operation(
        "PUT",
        "/conversations/{group}/messages/{foreign}/reactions/:x:",
        "null",
        r#"{"type": "react", "conversation": {group}, "message": {foreign}, "emoji": ":x:",
            "present": true}"#,
        "...fnbnn",
    ),
    operation(
        "DELETE",
        "/conversations/{group}/messages/{foreign}/reactions/:x:",
        "null",
        r#"{"type": "react", "conversation": {group}, "message": {foreign}, "emoji": ":x:",
            "present": false}"#,
        "...fnbnn",
    ),
    operation(
        "PUT",
        "/conversations/{group}/messages/{hidden}/reactions/:x:",
        "null",
        r#"{"type": "react", "conversation": {group}, "message": {hidden}, "emoji": ":x:",
            "present": true}"#,
        ".nnnnbnn",
    ),
    operation(
        "PUT",
        "/conversations/{group}/read",
        r#"{"msg_no": 1}"#,
        r#"{"type": "read", "conversation": {group}, "msg_no": 1}"#,
        "....nnnn",
    ),
    operation(
        "GET",
        "/conversations/{group}/cursor",
        "null",
        r#"{"type": "subscribe", "conversation": {group}}"#,
        "....nbnn",
    ),
];

const fn operation(
    method: &'static str,
    path: &'static str,
    body: &'static str,
    frame: &'static str,
    want: &'static str,
) -> Operation {
    Operation { method, path, body, frame, want }
}

/// A group with a user in every role, and the messages that the tables name.
pub(crate) struct Scene {
    /// In the order of [`ACTORS`].
    pub(crate) users: Vec<Account>,
    group: ConversationId,
    /// Sent before all but the owner joined.
    hidden: MessageId,
    /// Sent by another member.
    foreign: MessageId,
    /// One of each actor with the right to write.
    own: Vec<MessageId>,
    pub(crate) target: UserId,
    pub(crate) newcomer: UserId,
}

impl Scene {
    pub(crate) async fn set(chat: &InMemoryChat) -> Self {
        let account = async |name| AccountStore::create(chat, values::new_account(name)).await;
        let mut users = Vec::new();
        for name in ACTORS {
            users.push(account(name).await.unwrap());
        }
        chat.make_superuser(users[7].id);
        let known = account("target").await.unwrap();
        let session = values::new_session(SESSION, 0, i64::from(u32::MAX));
        chat.open(&known, session).await.unwrap();
        let target = known.id;
        let newcomer = account("newcomer").await.unwrap().id;
        let id = |at: usize| users[at].id;
        let details = Details { history: HistoryRule::SinceJoined, ..Details::default() };
        let new = NewGroup { details, ..values::new_group(vec![(id(0), Role::Owner)]) };
        let (group, _) = chat.create_group(new).await.unwrap().unwrap();
        let scene = |action, actor| Intent { conversation: group, actor, action };
        let say = |actor, n: u128| values::send(group, actor, 1_000 + n, "said");
        let hidden = commit(chat, say(id(0), 1)).await.unwrap();
        let roles = [Role::Admin, Role::Member, Role::Reader, Role::Member, Role::Member];
        for (at, role) in (1..).zip(roles) {
            commit(chat, scene(Action::Add { user: id(at), role }, id(0))).await;
        }
        commit(chat, scene(Action::Add { user: target, role: Role::Member }, id(0))).await;
        let foreign = commit(chat, say(target, 1)).await.unwrap();
        let mut own = Vec::new();
        for at in 0..3 {
            own.push(commit(chat, say(id(at), 2)).await.unwrap());
        }
        commit(chat, scene(Action::Leave, id(4))).await;
        commit(chat, scene(Action::Ban { user: id(5) }, id(0))).await;
        Self { users, group, hidden, foreign, own, target, newcomer }
    }

    /// Replaces the names in `text` by ids.
    pub(crate) fn name(&self, actor: usize, text: &str) -> String {
        text.replace("{group}", &self.group.to_string())
            .replace("{hidden}", &self.hidden.to_string())
            .replace("{foreign}", &self.foreign.to_string())
            .replace("{own}", &self.own.get(actor).unwrap_or(&self.foreign).to_string())
            .replace("{target}", &self.target.to_string())
    }
}

async fn commit(chat: &InMemoryChat, intent: Intent) -> Option<MessageId> {
    let answer = chat.commit(vec![intent]).await.unwrap().pop().unwrap().unwrap();
    answer.message().map(|message| message.id)
}
