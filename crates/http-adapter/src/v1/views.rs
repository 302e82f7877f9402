//! What v1 shows of everything: the same in answers and in frames.

use application::accounts::Person;
use application::ports::InboxEntry;
use domain::{
    About, Account, AuditEntry, AuditedAct, Conversation, ConversationKind, DisplayName,
    HistoryRule, Invite, Member, Message, Role, Standing, UserId, Username,
};
use serde::Serialize;

use super::time::Time;

/// Somebody, as others see them.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct UserView<'a> {
    pub(crate) id: i64,
    pub(crate) username: &'a str,
}

impl<'a> UserView<'a> {
    pub(crate) fn new(id: UserId, username: &'a Username) -> Self {
        Self { id: id.get(), username: username.as_str() }
    }
}

/// Somebody, with what it shows of itself.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PersonView<'a> {
    #[serde(flatten)]
    pub(crate) user: UserView<'a>,
    pub(crate) display_name: Option<&'a str>,
    pub(crate) about: Option<&'a str>,
    pub(crate) online: bool,
    pub(crate) last_seen_at: Option<Time>,
}

impl<'a> From<&'a Person> for PersonView<'a> {
    fn from(person: &'a Person) -> Self {
        let Account { id, username, profile, .. } = &person.account;
        Self {
            user: UserView::new(*id, username),
            display_name: profile.display_name.as_ref().map(DisplayName::as_str),
            about: profile.about.as_ref().map(About::as_str),
            online: person.online,
            last_seen_at: person.last_seen_at.map(Time),
        }
    }
}

/// A message; of a deleted one only its place is left.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct MessageView<'a> {
    pub(crate) id: i64,
    pub(crate) conversation: i64,
    pub(crate) msg_no: i64,
    pub(crate) seq: i64,
    pub(crate) client_id: String,
    pub(crate) author: UserView<'a>,
    pub(crate) body: Option<&'a str>,
    pub(crate) mentions: Vec<i64>,
    pub(crate) mentions_all: bool,
    pub(crate) reply_to: Option<i64>,
    pub(crate) reactions: Vec<ReactionView<'a>>,
    pub(crate) created_at: Time,
    pub(crate) edited_at: Option<Time>,
    pub(crate) edits: i64,
    pub(crate) pinned_at: Option<Time>,
    pub(crate) deleted_at: Option<Time>,
}

/// An emoji, and who put it there.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ReactionView<'a> {
    pub(crate) emoji: &'a str,
    pub(crate) users: Vec<i64>,
}

impl<'a> From<&'a Message> for MessageView<'a> {
    fn from(message: &'a Message) -> Self {
        let reaction = |reaction: &'a domain::Reaction| ReactionView {
            emoji: reaction.emoji.as_str(),
            users: reaction.users.iter().map(|user| user.get()).collect(),
        };
        Self {
            id: message.id.get(),
            conversation: message.conversation.get(),
            msg_no: message.msg_no.get(),
            seq: message.seq_last.get(),
            client_id: uuid(message.client_id.get()),
            author: UserView::new(message.author.id, &message.author.username),
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
#[derive(Debug, Clone, Serialize)]
pub(crate) struct MemberView<'a> {
    pub(crate) user: UserView<'a>,
    pub(crate) role: &'static str,
    pub(crate) standing: &'static str,
    pub(crate) silenced_until: Option<Time>,
    pub(crate) seq: i64,
}

impl<'a> From<&'a Member> for MemberView<'a> {
    fn from(member: &'a Member) -> Self {
        Self {
            user: UserView::new(member.user, &member.username),
            role: role_text(member.role),
            standing: match member.standing {
                Standing::Active => "active",
                Standing::Left => "left",
                Standing::Banned => "banned",
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
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ConversationView<'a> {
    pub(crate) id: i64,
    pub(crate) kind: &'static str,
    pub(crate) title: Option<&'a str>,
    pub(crate) topic: Option<&'a str>,
    pub(crate) history: &'static str,
    pub(crate) deleted_at: Option<Time>,
}

impl<'a> From<&'a Conversation> for ConversationView<'a> {
    fn from(conversation: &'a Conversation) -> Self {
        Self {
            id: conversation.id.get(),
            kind: match conversation.kind {
                ConversationKind::Lobby => "lobby",
                ConversationKind::Group => "group",
                ConversationKind::Direct(_) => "direct",
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
#[derive(Debug, Clone, Serialize)]
pub(crate) struct EntryView<'a> {
    #[serde(flatten)]
    pub(crate) conversation: ConversationView<'a>,
    /// Whom one talks to, in a direct conversation.
    pub(crate) other: Option<UserView<'a>>,
    pub(crate) role: &'static str,
    pub(crate) silenced_until: Option<Time>,
    pub(crate) seq: i64,
    pub(crate) msg_no: i64,
    pub(crate) last_at: Option<Time>,
    pub(crate) read_no: i64,
    pub(crate) unread: i64,
    pub(crate) unread_mentions: i64,
    pub(crate) muted: bool,
    pub(crate) view_no: i64,
}

impl<'a> From<&'a InboxEntry> for EntryView<'a> {
    fn from(entry: &'a InboxEntry) -> Self {
        let member = entry.member.as_ref();
        let has_messages = entry.head.msg_no > domain::MsgNo::ZERO;
        Self {
            conversation: (&entry.conversation).into(),
            other: entry.other.as_ref().map(|(id, username)| UserView::new(*id, username)),
            role: role_text(member.map_or(Role::Member, |member| member.role)),
            silenced_until: member.and_then(|member| member.silenced_until).map(Time),
            seq: entry.head.seq.get(),
            msg_no: entry.head.msg_no.get(),
            last_at: has_messages.then_some(Time(entry.head.last_at)),
            read_no: entry.read_no.get(),
            unread: entry.unread(),
            unread_mentions: entry.unread_mentions,
            muted: entry.muted,
            view_no: entry.view_no,
        }
    }
}

/// An invitation, for who manages the group.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct InviteView {
    pub(crate) code: String,
    pub(crate) conversation: i64,
    pub(crate) created_by: i64,
    pub(crate) created_at: Time,
    pub(crate) role: &'static str,
    pub(crate) expires_at: Option<Time>,
    pub(crate) max_uses: Option<u32>,
    pub(crate) uses: u32,
}

impl From<&Invite> for InviteView {
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
#[derive(Debug, Clone, Serialize)]
pub(crate) struct AuditView {
    pub(crate) at: Time,
    pub(crate) actor: i64,
    pub(crate) conversation: i64,
    pub(crate) act: &'static str,
    pub(crate) user: Option<i64>,
    pub(crate) message: Option<i64>,
    pub(crate) until: Option<Time>,
}

impl From<&AuditEntry> for AuditView {
    fn from(entry: &AuditEntry) -> Self {
        let (act, user, message, until) = match entry.act {
            AuditedAct::DeleteMessage(message) => ("delete_message", None, Some(message), None),
            AuditedAct::Ban(user) => ("ban", Some(user), None, None),
            AuditedAct::Unban(user) => ("unban", Some(user), None, None),
            AuditedAct::Silence(user, until) => ("silence", Some(user), None, until),
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
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// To be given back for what follows; none at the end.
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
