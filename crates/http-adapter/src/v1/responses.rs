//! The representations that responses and socket frames share.

use application::accounts::VisibleUser;
use application::ports::InboxEntry;
use domain::{
    About, Account, AuditEntry, AuditedAction, Conversation, DisplayName, Invite, Member, Message,
    MessageId, MsgNo, Title, Topic, UserId, Username,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::formats::{Time, uuid};
use super::input::{HistoryRule, MemberStatus, Role};

/// A user, by id and name.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = User, examples(json!({"id": 7, "username": "ann"})))]
pub(crate) struct UserResponse<'a> {
    /// The id of the account.
    pub(crate) id: i64,
    /// The unique name of the account; it may change.
    pub(crate) username: &'a str,
}

impl<'a> UserResponse<'a> {
    pub(crate) fn new(id: UserId, username: &'a Username) -> Self {
        Self { id: id.get(), username: username.as_str() }
    }
}

/// A list of users.
#[derive(Serialize, ToSchema)]
#[schema(as = UserList, examples(json!({"items": [{"id": 7, "username": "ann"}]})))]
pub(crate) struct UsersResponse<'a> {
    /// By id.
    pub(crate) items: Vec<UserResponse<'a>>,
}

/// A user with the public profile.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = UserProfile, examples(json!({
    "id": 8, "username": "bob", "display_name": "Bob", "about": null, "online": false,
    "last_seen_at": "2026-11-24T09:15:32.375945Z"
})))]
pub(crate) struct UserProfileResponse<'a> {
    #[serde(flatten)]
    pub(crate) user: UserResponse<'a>,
    /// The name to show instead of the username.
    #[schema(required)]
    pub(crate) display_name: Option<&'a str>,
    /// A text about the user.
    #[schema(required)]
    pub(crate) about: Option<&'a str>,
    /// Whether the user is online; always `false` if the user hides presence.
    pub(crate) online: bool,
    /// When the user was last online; `null` if that is unknown or hidden.
    #[schema(required)]
    pub(crate) last_seen_at: Option<Time>,
}

impl<'a> From<&'a VisibleUser> for UserProfileResponse<'a> {
    fn from(user: &'a VisibleUser) -> Self {
        let Account { id, username, profile, .. } = &user.account;
        Self {
            user: UserResponse::new(*id, username),
            display_name: profile.display_name.as_ref().map(DisplayName::as_str),
            about: profile.about.as_ref().map(About::as_str),
            online: user.online,
            last_seen_at: user.last_seen_at.map(Time),
        }
    }
}

/// A list of users with their public profiles.
#[derive(Serialize, ToSchema)]
#[schema(as = UserProfileList, examples(json!({"items": [{
    "id": 8, "username": "bob", "display_name": "Bob", "about": null, "online": false,
    "last_seen_at": "2026-11-24T09:15:32.375945Z"
}]})))]
pub(crate) struct UserProfilesResponse<'a> {
    /// In the order of the request.
    pub(crate) items: Vec<UserProfileResponse<'a>>,
}

/// A message. A deleted message has no text.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Message, examples(json!({
    "id": 4211, "conversation": 12, "msg_no": 37, "seq": 58,
    "client_id": "0190d1f0-0000-7abc-8def-0123456789ab",
    "author": {"id": 7, "username": "ann"},
    "body": "Lunch at noon, @bob?", "mentions": [8], "mentions_all": false, "reply_to": null,
    "reactions": [{"emoji": "👍", "users": [8]}],
    "created_at": "2026-11-24T09:15:32.375945Z", "edited_at": null, "edits": 0,
    "pinned_at": null, "deleted_at": null
})))]
pub(crate) struct MessageResponse<'a> {
    /// The id of the message, unique in all conversations.
    pub(crate) id: i64,
    /// The id of its conversation.
    pub(crate) conversation: i64,
    /// The number of the message in its conversation, from 1.
    pub(crate) msg_no: i64,
    /// The number of the last change that altered the message.
    pub(crate) seq: i64,
    /// The UUID that the client of the author has chosen.
    pub(crate) client_id: String,
    /// The user who wrote it.
    pub(crate) author: UserResponse<'a>,
    /// The text; `null` if the message is deleted.
    #[schema(required)]
    pub(crate) body: Option<&'a str>,
    /// The ids of the users that it mentions by name.
    pub(crate) mentions: Vec<i64>,
    /// Whether it mentions everyone with `@all`.
    pub(crate) mentions_all: bool,
    /// The id of the message that it replies to.
    #[schema(required)]
    pub(crate) reply_to: Option<i64>,
    /// The reactions of users.
    pub(crate) reactions: Vec<ReactionResponse<'a>>,
    /// When it was sent.
    pub(crate) created_at: Time,
    /// When it was last edited.
    #[schema(required)]
    pub(crate) edited_at: Option<Time>,
    /// The number of edits; also its `ETag`.
    pub(crate) edits: i64,
    /// When it was pinned; `null` if it is not pinned.
    #[schema(required)]
    pub(crate) pinned_at: Option<Time>,
    /// When it was deleted; `null` if it is not deleted.
    #[schema(required)]
    pub(crate) deleted_at: Option<Time>,
}

/// An emoji, and the users who reacted with it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Reaction, examples(json!({"emoji": "👍", "users": [8, 9]})))]
pub(crate) struct ReactionResponse<'a> {
    /// The emoji.
    pub(crate) emoji: &'a str,
    /// The ids of the users.
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
            reply_to: message.reply_to.map(MessageId::get),
            reactions: message.reactions.iter().map(reaction).collect(),
            created_at: Time(message.created_at),
            edited_at: message.edited_at.map(Time),
            edits: message.edits,
            pinned_at: message.pinned_at.map(Time),
            deleted_at: message.deleted_at.map(Time),
        }
    }
}

/// A user in a conversation.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Member, examples(json!({
    "user": {"id": 8, "username": "bob"}, "role": "member", "status": "active",
    "silenced_until": null, "seq": 58
})))]
pub(crate) struct MemberResponse<'a> {
    /// The user.
    pub(crate) user: UserResponse<'a>,
    /// The role of the user in the conversation.
    pub(crate) role: Role,
    /// Whether the user is a member now.
    pub(crate) status: MemberStatus,
    /// Until when the user cannot write.
    #[schema(required)]
    pub(crate) silenced_until: Option<Time>,
    /// The number of the last change that altered the member.
    pub(crate) seq: i64,
}

impl<'a> From<&'a Member> for MemberResponse<'a> {
    fn from(member: &'a Member) -> Self {
        Self {
            user: UserResponse::new(member.user, &member.username),
            role: member.role.into(),
            status: member.status.into(),
            silenced_until: member.silenced_until.map(Time),
            seq: member.seq_last.get(),
        }
    }
}

/// The part of a conversation that is the same for all members.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ConversationDetails, examples(json!({
    "id": 12, "kind": "group", "title": "Lunch", "topic": null, "history": "since_joined",
    "deleted_at": null
})))]
pub(crate) struct DetailsResponse<'a> {
    /// The id of the conversation; the lobby is 1.
    pub(crate) id: i64,
    /// The kind of the conversation.
    pub(crate) kind: ConversationKind,
    /// The title of a group.
    #[schema(required)]
    pub(crate) title: Option<&'a str>,
    /// The topic of a group.
    #[schema(required)]
    pub(crate) topic: Option<&'a str>,
    /// The messages that new members of a group see.
    pub(crate) history: HistoryRule,
    /// When it was deleted; `null` if it is not deleted.
    #[schema(required)]
    pub(crate) deleted_at: Option<Time>,
}

/// The kind of a conversation.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(examples("group"))]
pub(crate) enum ConversationKind {
    Lobby,
    Group,
    Direct,
}

impl<'a> From<&'a Conversation> for DetailsResponse<'a> {
    fn from(conversation: &'a Conversation) -> Self {
        Self {
            id: conversation.id.get(),
            kind: match conversation.kind {
                domain::ConversationKind::Lobby => ConversationKind::Lobby,
                domain::ConversationKind::Group => ConversationKind::Group,
                domain::ConversationKind::Direct(_) => ConversationKind::Direct,
            },
            title: conversation.details.title.as_ref().map(Title::as_str),
            topic: conversation.details.topic.as_ref().map(Topic::as_str),
            history: conversation.details.history.into(),
            deleted_at: conversation.deleted_at.map(Time),
        }
    }
}

/// A conversation, as one of its members sees it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Conversation, examples(json!({
    "id": 12, "kind": "group", "title": "Lunch", "topic": null, "history": "since_joined",
    "deleted_at": null, "other": null, "role": "owner", "silenced_until": null, "seq": 58,
    "msg_no": 37, "last_at": "2026-11-24T09:15:32.375945Z", "read_no": 36, "unread": 1,
    "unread_mentions": 1, "muted": false, "view_version": 0
})))]
pub(crate) struct ConversationResponse<'a> {
    #[serde(flatten)]
    pub(crate) conversation: DetailsResponse<'a>,
    /// The other user of a direct conversation.
    #[schema(required)]
    pub(crate) other: Option<UserResponse<'a>>,
    /// Your role.
    pub(crate) role: Role,
    /// Until when you cannot write.
    #[schema(required)]
    pub(crate) silenced_until: Option<Time>,
    /// The number of the newest change.
    pub(crate) seq: i64,
    /// The number of the newest message; 0 if there is none.
    pub(crate) msg_no: i64,
    /// When the newest message was sent.
    #[schema(required)]
    pub(crate) last_at: Option<Time>,
    /// The number of the last message that you have read.
    pub(crate) read_no: i64,
    /// How many messages come after it.
    pub(crate) unread: i64,
    /// The number of unread messages that mention you.
    pub(crate) unread_mentions: i64,
    /// Whether you have turned notifications off.
    pub(crate) muted: bool,
    /// The version of what you may see. When it changes, fetch the conversation again.
    pub(crate) view_version: i64,
}

impl<'a> From<&'a InboxEntry> for ConversationResponse<'a> {
    fn from(entry: &'a InboxEntry) -> Self {
        let member = entry.member.as_ref();
        let has_messages = entry.head.msg_no > MsgNo::ZERO;
        Self {
            conversation: (&entry.conversation).into(),
            other: entry.other.as_ref().map(|(id, username)| UserResponse::new(*id, username)),
            role: member.map_or(Role::Member, |member| member.role.into()),
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

/// An invitation, as the owners and admins of the group see it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Invite, examples(json!({
    "code": "0190d1f000007abc8def0123456789ab", "conversation": 12, "created_by": 7,
    "created_at": "2026-11-24T09:15:32.375945Z", "role": "member", "expires_at": null,
    "max_uses": 10, "uses": 3
})))]
pub(crate) struct InviteResponse {
    /// The secret code: every user who has it can join.
    pub(crate) code: String,
    /// The id of the group.
    pub(crate) conversation: i64,
    /// The id of the user who created it.
    pub(crate) created_by: i64,
    /// When it was created.
    pub(crate) created_at: Time,
    /// The role of users who join with it.
    pub(crate) role: Role,
    /// When it expires.
    #[schema(required)]
    pub(crate) expires_at: Option<Time>,
    /// How often it can be used.
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
            role: invite.role.into(),
            expires_at: invite.expires_at.map(Time),
            max_uses: invite.max_uses,
            uses: invite.uses,
        }
    }
}

/// An entry of the moderation log.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ModerationEntry, examples(json!({
    "at": "2026-11-24T09:15:32.375945Z", "actor": 1, "conversation": 12, "act": "ban", "user": 8,
    "message": null, "until": null
})))]
pub(crate) struct AuditResponse {
    /// When it happened.
    pub(crate) at: Time,
    /// The id of the superuser.
    pub(crate) actor: i64,
    /// The id of the conversation.
    pub(crate) conversation: i64,
    /// The action.
    pub(crate) act: ModerationAction,
    /// The id of the user that was moderated.
    #[schema(required)]
    pub(crate) user: Option<i64>,
    /// The id of the message that was deleted or had the reaction.
    #[schema(required)]
    pub(crate) message: Option<i64>,
    /// When the silence ends; `null` if the action ends it.
    #[schema(required)]
    pub(crate) until: Option<Time>,
}

/// An action of a superuser.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(examples("ban"))]
pub(crate) enum ModerationAction {
    DeleteMessage,
    Unreact,
    Ban,
    Unban,
    Silence,
    AssignOwner,
}

impl From<&AuditEntry> for AuditResponse {
    fn from(entry: &AuditEntry) -> Self {
        use ModerationAction::{AssignOwner, Ban, DeleteMessage, Silence, Unban, Unreact};
        let (act, user, message, until) = match entry.act {
            AuditedAction::DeleteMessage(message) => (DeleteMessage, None, Some(message), None),
            AuditedAction::Unreact(message, user) => (Unreact, Some(user), Some(message), None),
            AuditedAction::Ban(user) => (Ban, Some(user), None, None),
            AuditedAction::Unban(user) => (Unban, Some(user), None, None),
            AuditedAction::Silence(user, until) => (Silence, Some(user), None, until),
            AuditedAction::AssignOwner(user) => (AssignOwner, Some(user), None, None),
        };
        Self {
            at: Time(entry.at),
            actor: entry.actor.get(),
            conversation: entry.conversation.get(),
            act,
            user: user.map(UserId::get),
            message: message.map(MessageId::get),
            until: until.map(Time),
        }
    }
}
