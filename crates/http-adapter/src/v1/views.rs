//! What v1 shows of everything: the same in answers and in frames.

use application::accounts::VisibleUser;
use application::ports::InboxEntry;
use domain::{
    About, Account, AuditEntry, AuditedAction, Conversation, ConversationKind, DisplayName,
    HistoryRule, Invite, Member, MemberStatus, Message, Role, UserId, Username,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::input::{HistoryRequest, RoleRequest};
use super::time::Time;

/// Somebody, as others see them.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(examples(json!({"id": 7, "username": "ann"})))]
pub(crate) struct UserResponse<'a> {
    /// The id of the account.
    pub(crate) id: i64,
    /// The name of the account; it may change.
    pub(crate) username: &'a str,
}

impl<'a> UserResponse<'a> {
    pub(crate) fn new(id: UserId, username: &'a Username) -> Self {
        Self { id: id.get(), username: username.as_str() }
    }
}

/// Somebody, with what it shows of itself.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": 8, "username": "bob", "display_name": "Bob", "about": null, "online": false,
    "last_seen_at": "2026-11-24T09:15:32.375945Z"
})))]
pub(crate) struct PersonResponse<'a> {
    /// Who.
    #[serde(flatten)]
    pub(crate) user: UserResponse<'a>,
    /// What they want to be called.
    #[schema(required)]
    pub(crate) display_name: Option<&'a str>,
    /// What they say of themselves.
    #[schema(required)]
    pub(crate) about: Option<&'a str>,
    /// Whether they are there, and show it.
    pub(crate) online: bool,
    /// When they last were, if they show it.
    #[schema(required)]
    pub(crate) last_seen_at: Option<Time>,
}

impl<'a> From<&'a VisibleUser> for PersonResponse<'a> {
    fn from(person: &'a VisibleUser) -> Self {
        let Account { id, username, profile, .. } = &person.account;
        Self {
            user: UserResponse::new(*id, username),
            display_name: profile.display_name.as_ref().map(DisplayName::as_str),
            about: profile.about.as_ref().map(About::as_str),
            online: person.online,
            last_seen_at: person.last_seen_at.map(Time),
        }
    }
}

/// A message; of a deleted one only its place is left.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": 4211, "conversation": 12, "msg_no": 37, "seq": 58,
    "client_id": "0190d1f0-0000-7abc-8def-0123456789ab",
    "author": {"id": 7, "username": "ann"},
    "body": "Lunch at noon, @bob?", "mentions": [8], "mentions_all": false, "reply_to": null,
    "reactions": [{"emoji": "👍", "users": [8]}],
    "created_at": "2026-11-24T09:15:32.375945Z", "edited_at": null, "edits": 0,
    "pinned_at": null, "deleted_at": null
})))]
pub(crate) struct MessageResponse<'a> {
    /// The same for as long as the message lasts.
    pub(crate) id: i64,
    /// The conversation that it was said in.
    pub(crate) conversation: i64,
    /// Which message of the conversation it is, from 1 on.
    pub(crate) msg_no: i64,
    /// The last change of the conversation that altered it.
    pub(crate) seq: i64,
    /// What its author's client named it.
    pub(crate) client_id: String,
    /// Who said it.
    pub(crate) author: UserResponse<'a>,
    /// The text; `null` of a deleted one.
    #[schema(required)]
    pub(crate) body: Option<&'a str>,
    /// The accounts that it calls by name.
    pub(crate) mentions: Vec<i64>,
    /// Whether it calls everybody.
    pub(crate) mentions_all: bool,
    /// The message that it answers.
    #[schema(required)]
    pub(crate) reply_to: Option<i64>,
    /// What others put to it.
    pub(crate) reactions: Vec<ReactionResponse<'a>>,
    /// When it was said.
    pub(crate) created_at: Time,
    /// When it was edited last.
    #[schema(required)]
    pub(crate) edited_at: Option<Time>,
    /// How often it was edited; its `ETag`.
    pub(crate) edits: i64,
    /// Since when it is pinned.
    #[schema(required)]
    pub(crate) pinned_at: Option<Time>,
    /// When it was deleted.
    #[schema(required)]
    pub(crate) deleted_at: Option<Time>,
}

/// An emoji, and who put it there.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(examples(json!({"emoji": "👍", "users": [8, 9]})))]
pub(crate) struct ReactionResponse<'a> {
    /// As it was put there.
    pub(crate) emoji: &'a str,
    /// The accounts that put it there.
    pub(crate) users: Vec<i64>,
}

impl<'a> From<&'a Message> for MessageResponse<'a> {
    fn from(message: &'a Message) -> Self {
        let reaction = |reaction: &'a domain::Reaction| ReactionResponse {
            emoji: reaction.emoji.as_str(),
            users: reaction.users.iter().map(|user| user.get()).collect(),
        };
        Self {
            id: message.id.get(),
            conversation: message.conversation.get(),
            msg_no: message.msg_no.get(),
            seq: message.seq_last.get(),
            client_id: uuid(message.client_id.get()),
            author: UserResponse::new(message.author.id, &message.author.username),
            body: (!message.is_deleted()).then(|| message.body.as_str()),
            mentions: message.mentions.users.iter().map(|user| user.get()).collect(),
            mentions_all: message.mentions.all,
            reply_to: message.reply_to.map(domain::MessageId::get),
            reactions: message.reactions.iter().map(reaction).collect(),
            created_at: Time(message.created_at),
            edited_at: message.edited_at.map(Time),
            edits: message.edits,
            pinned_at: message.pinned_at.map(Time),
            deleted_at: message.deleted_at.map(Time),
        }
    }
}

/// Somebody's part in a conversation.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(examples(json!({
    "user": {"id": 8, "username": "bob"}, "role": "member", "standing": "active",
    "silenced_until": null, "seq": 58
})))]
pub(crate) struct MemberResponse<'a> {
    /// Who it is.
    pub(crate) user: UserResponse<'a>,
    /// What they are there.
    #[schema(value_type = RoleRequest)]
    pub(crate) role: &'static str,
    /// Whether they are there.
    pub(crate) standing: StandingResponse,
    /// Until when they may only read.
    #[schema(required)]
    pub(crate) silenced_until: Option<Time>,
    /// The last change of the conversation that altered this.
    pub(crate) seq: i64,
}

/// Whether somebody takes part.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(examples("active"))]
pub(crate) enum StandingResponse {
    Active,
    Left,
    Banned,
}

impl<'a> From<&'a Member> for MemberResponse<'a> {
    fn from(member: &'a Member) -> Self {
        Self {
            user: UserResponse::new(member.user, &member.username),
            role: role_text(member.role),
            standing: match member.status {
                MemberStatus::Active => StandingResponse::Active,
                MemberStatus::Left => StandingResponse::Left,
                MemberStatus::Banned => StandingResponse::Banned,
            },
            silenced_until: member.silenced_until.map(Time),
            seq: member.seq_last.get(),
        }
    }
}

/// How a role is written.
pub(crate) fn role_text(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner",
        Role::Admin => "admin",
        Role::Member => "member",
        Role::Reader => "reader",
    }
}

/// A conversation as a whole, the same for everybody.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": 12, "kind": "group", "title": "Lunch", "topic": null, "history": "since_joined",
    "deleted_at": null
})))]
pub(crate) struct ConversationResponse<'a> {
    /// The id of the conversation; the lobby's is 1.
    pub(crate) id: i64,
    /// What it is.
    pub(crate) kind: KindResponse,
    /// What a group is called.
    #[schema(required)]
    pub(crate) title: Option<&'a str>,
    /// What a group is about.
    #[schema(required)]
    pub(crate) topic: Option<&'a str>,
    /// What those who join a group see of what was said before.
    #[schema(value_type = HistoryRequest)]
    pub(crate) history: &'static str,
    /// When it was deleted.
    #[schema(required)]
    pub(crate) deleted_at: Option<Time>,
}

/// What a conversation is.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(examples("group"))]
pub(crate) enum KindResponse {
    Lobby,
    Group,
    Direct,
}

impl<'a> From<&'a Conversation> for ConversationResponse<'a> {
    fn from(conversation: &'a Conversation) -> Self {
        Self {
            id: conversation.id.get(),
            kind: match conversation.kind {
                ConversationKind::Lobby => KindResponse::Lobby,
                ConversationKind::Group => KindResponse::Group,
                ConversationKind::Direct(_) => KindResponse::Direct,
            },
            title: conversation.details.title.as_ref().map(domain::Title::as_str),
            topic: conversation.details.topic.as_ref().map(domain::Topic::as_str),
            history: history_text(conversation.details.history),
            deleted_at: conversation.deleted_at.map(Time),
        }
    }
}

fn history_text(rule: HistoryRule) -> &'static str {
    match rule {
        HistoryRule::SinceJoined => "since_joined",
        HistoryRule::All => "all",
    }
}

/// A conversation as one of its members sees it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": 12, "kind": "group", "title": "Lunch", "topic": null, "history": "since_joined",
    "deleted_at": null, "other": null, "role": "owner", "silenced_until": null, "seq": 58,
    "msg_no": 37, "last_at": "2026-11-24T09:15:32.375945Z", "read_no": 36, "unread": 1,
    "unread_mentions": 1, "muted": false, "view_version": 0
})))]
pub(crate) struct EntryResponse<'a> {
    #[serde(flatten)]
    pub(crate) conversation: ConversationResponse<'a>,
    /// Whom one talks to, in a direct conversation.
    #[schema(required)]
    pub(crate) other: Option<UserResponse<'a>>,
    /// What one is there.
    #[schema(value_type = RoleRequest)]
    pub(crate) role: &'static str,
    /// Until when one may only read.
    #[schema(required)]
    pub(crate) silenced_until: Option<Time>,
    /// Its newest change.
    pub(crate) seq: i64,
    /// Its newest message; 0 if there is none.
    pub(crate) msg_no: i64,
    /// When its newest message was said.
    #[schema(required)]
    pub(crate) last_at: Option<Time>,
    /// The message up to which one has read.
    pub(crate) read_no: i64,
    /// Messages after that.
    pub(crate) unread: i64,
    /// Those of them that call one.
    pub(crate) unread_mentions: i64,
    /// Whether one wants no notice of it.
    pub(crate) muted: bool,
    /// Another number means that one sees something else of it: fetch it anew.
    pub(crate) view_version: i64,
}

impl<'a> From<&'a InboxEntry> for EntryResponse<'a> {
    fn from(entry: &'a InboxEntry) -> Self {
        let member = entry.member.as_ref();
        let has_messages = entry.head.msg_no > domain::MsgNo::ZERO;
        Self {
            conversation: (&entry.conversation).into(),
            other: entry.other.as_ref().map(|(id, username)| UserResponse::new(*id, username)),
            role: role_text(member.map_or(Role::Member, |member| member.role)),
            silenced_until: member.and_then(|member| member.silenced_until).map(Time),
            seq: entry.head.seq.get(),
            msg_no: entry.head.msg_no.get(),
            last_at: has_messages.then_some(Time(entry.head.last_at)),
            read_no: entry.read_no.get(),
            unread: entry.unread(),
            unread_mentions: entry.unread_mentions,
            muted: entry.muted,
            view_version: entry.view_version,
        }
    }
}

/// An invitation, for who manages the group.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(examples(json!({
    "code": "0190d1f000007abc8def0123456789ab", "conversation": 12, "created_by": 7,
    "created_at": "2026-11-24T09:15:32.375945Z", "role": "member", "expires_at": null,
    "max_uses": 10, "uses": 3
})))]
pub(crate) struct InviteResponse {
    /// Whoever has it may join.
    pub(crate) code: String,
    /// The group that it leads to.
    pub(crate) conversation: i64,
    /// The account that made it.
    pub(crate) created_by: i64,
    /// When it was made.
    pub(crate) created_at: Time,
    /// What those who use it become.
    #[schema(value_type = RoleRequest)]
    pub(crate) role: &'static str,
    /// When it ends by itself.
    #[schema(required)]
    pub(crate) expires_at: Option<Time>,
    /// How often it may be used.
    #[schema(required)]
    pub(crate) max_uses: Option<u32>,
    /// How often it was used.
    pub(crate) uses: u32,
}

impl From<&Invite> for InviteResponse {
    fn from(invite: &Invite) -> Self {
        Self {
            code: format!("{:032x}", invite.code.get()),
            conversation: invite.conversation.get(),
            created_by: invite.created_by.get(),
            created_at: Time(invite.created_at),
            role: role_text(invite.role),
            expires_at: invite.expires_at.map(Time),
            max_uses: invite.max_uses,
            uses: invite.uses,
        }
    }
}

/// Something that a superuser did.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(examples(json!({
    "at": "2026-11-24T09:15:32.375945Z", "actor": 1, "conversation": 12, "act": "ban", "user": 8,
    "message": null, "until": null
})))]
pub(crate) struct AuditResponse {
    /// When it was done.
    pub(crate) at: Time,
    /// The superuser's account.
    pub(crate) actor: i64,
    /// Where it was done.
    pub(crate) conversation: i64,
    /// What was done.
    pub(crate) act: ActResponse,
    /// The account that it was done to.
    #[schema(required)]
    pub(crate) user: Option<i64>,
    /// The message that it was done to.
    #[schema(required)]
    pub(crate) message: Option<i64>,
    /// Until when they may only read; `null` lifts it.
    #[schema(required)]
    pub(crate) until: Option<Time>,
}

/// What a superuser did.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(examples("ban"))]
pub(crate) enum ActResponse {
    DeleteMessage,
    Ban,
    Unban,
    Silence,
}

impl From<&AuditEntry> for AuditResponse {
    fn from(entry: &AuditEntry) -> Self {
        let (act, user, message, until) = match entry.act {
            AuditedAction::DeleteMessage(message) => {
                (ActResponse::DeleteMessage, None, Some(message), None)
            }
            AuditedAction::Ban(user) => (ActResponse::Ban, Some(user), None, None),
            AuditedAction::Unban(user) => (ActResponse::Unban, Some(user), None, None),
            AuditedAction::Silence(user, until) => (ActResponse::Silence, Some(user), None, until),
        };
        Self {
            at: Time(entry.at),
            actor: entry.actor.get(),
            conversation: entry.conversation.get(),
            act,
            user: user.map(UserId::get),
            message: message.map(domain::MessageId::get),
            until: until.map(Time),
        }
    }
}

/// Some of a list, and the place at which it goes on.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// In the order of the list.
    pub(crate) items: Vec<T>,
    /// To be given back for what follows; `null` at the end.
    #[schema(required)]
    pub(crate) next: Option<String>,
}

/// A UUID in its usual form.
pub(crate) fn uuid(raw: u128) -> String {
    let hex = format!("{raw:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

/// A UUID from its usual form, in letters of either case.
pub(crate) fn parse_uuid(text: &str) -> Option<u128> {
    let dashes = [8, 13, 18, 23];
    let has_form = text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| {
            if dashes.contains(&at) { byte == b'-' } else { byte.is_ascii_hexdigit() }
        });
    has_form.then(|| u128::from_str_radix(&text.replace('-', ""), 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::{parse_uuid, uuid};

    #[test]
    fn a_uuid_is_written_and_read_in_its_usual_form() {
        let text = "0190d1f0-0000-7abc-8def-0123456789ab";
        let raw = parse_uuid(text).unwrap();

        assert_eq!(uuid(raw), text);
        assert_eq!(parse_uuid(&text.to_uppercase()), Some(raw));
        for wrong in
            ["", "0190d1f000007abc8def0123456789ab", "0190d1f0-0000-7abc-8def-0123456789ag"]
        {
            assert_eq!(parse_uuid(wrong), None, "{wrong}");
        }
    }
}
