//! All authorisation rules of the chat.

mod ephemeral;
mod members;
mod messages;

use std::sync::Arc;

use crate::facts::{ConversationFacts, FactNotLoaded};
use crate::{
    Account, AccountFacts, Action, AddedBy, AdditionFacts, AuditEntry, AuditedAction, Change,
    Conversation, ConversationKind, Details, Facts, Head, HistoryRule, Intent, Invite, Member,
    MemberStatus, Message, MsgNo, Outcome, Role, Seq, Timestamp, Title, Topic, Update, UserId,
};

pub use ephemeral::{SMALL_GROUP, may_type, shows_read_receipts};

/// Why an intent was refused. Nothing was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("no active account")]
    NoAccount,
    /// The actor may see no such conversation, message or member.
    #[error("not found")]
    NotFound,
    /// The named user has no active account, or is not a member.
    #[error("no such user")]
    UnknownUser,
    #[error("the message to reply to does not exist")]
    UnknownReply,
    /// The actor may see the object, but not change it.
    #[error("not allowed")]
    Forbidden,
    #[error("banned from this conversation")]
    Banned,
    #[error("silenced for a time")]
    Silenced { until: Timestamp },
    #[error("blocked by this user")]
    Blocked,
    /// Another message with a different text has this client id.
    #[error("this client id was used for another message")]
    ClientIdReused,
    #[error("the message was edited meanwhile")]
    Outdated,
    #[error("already a member")]
    AlreadyMember,
    #[error("the limit is reached")]
    Full,
    #[error("a conversation keeps at least one owner")]
    LastOwner,
    /// The time until which something should last.
    #[error("the time is not in the future")]
    NotInFuture,
    #[error("read receipts are not shown in this conversation")]
    ReceiptsHidden,
}

/// The outcome of an accepted intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub outcome: Outcome,
    /// Set if only superuser rights allowed the action.
    pub audit: Option<AuditEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecideError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A bug in the program: the intent is neither accepted nor refused.
    #[error(transparent)]
    NotLoaded(#[from] FactNotLoaded),
}

/// Returns whether an active account with this member row, if any, may read a conversation.
#[must_use]
pub fn visible(conversation: &Conversation, member: Option<&Member>) -> bool {
    if conversation.deleted_at.is_some() {
        return false;
    }
    match (conversation.kind, member) {
        (ConversationKind::Lobby, None) => true,
        (ConversationKind::Lobby, Some(member)) => member.status != MemberStatus::Banned,
        (ConversationKind::Group | ConversationKind::Direct(_), member) => {
            member.is_some_and(Member::is_active)
        }
    }
}

/// Returns whether the lists of its members show a conversation. So opening a direct conversation
/// tells the other user nothing before the first message.
#[must_use]
pub fn is_listed(conversation: &Conversation, head: &Head) -> bool {
    match conversation.kind {
        ConversationKind::Lobby | ConversationKind::Group => true,
        ConversationKind::Direct(_) => head.msg_no > MsgNo::ZERO,
    }
}

/// Returns the role of an active account in a conversation that it may read.
pub fn role(conversation: &Conversation, member: Option<&Member>) -> Result<Role, Refusal> {
    if visible(conversation, member) {
        return Ok(member.map_or(Role::Member, |member| member.role));
    }
    match member {
        Some(member) if member.status == MemberStatus::Banned => Err(Refusal::Banned),
        _ => Err(Refusal::NotFound),
    }
}

/// Returns [`role`], if the account may write now.
fn writing_role(
    conversation: &Conversation,
    member: Option<&Member>,
    now: Timestamp,
) -> Result<Role, Refusal> {
    let role = role(conversation, member)?;
    if role == Role::Reader {
        return Err(Refusal::Forbidden);
    }
    match member.and_then(|member| member.silenced_until) {
        Some(until) if now < until => Err(Refusal::Silenced { until }),
        _ => Ok(role),
    }
}

/// Returns the newest message that the history rule hides from a member, with all before it.
#[must_use]
pub fn hidden_up_to(conversation: &Conversation, member: Option<&Member>) -> MsgNo {
    match (conversation.kind, conversation.details.history, member) {
        (ConversationKind::Group, HistoryRule::SinceJoined, Some(member)) => member.visible_after,
        _ => MsgNo::ZERO,
    }
}

/// Returns whether `user` may edit a message that the user can see.
#[must_use]
pub fn may_edit(user: UserId, message: &Message) -> bool {
    message.author.id == user
}

/// Managers of a group may see, create and revoke invitations to roles below the returned one.
#[must_use]
pub fn manageable_invites_below(
    conversation: &Conversation,
    member: Option<&Member>,
) -> Option<Role> {
    let is_group = conversation.kind == ConversationKind::Group && visible(conversation, member);
    let own = member.filter(|member| is_group && member.is_active())?.role;
    (own >= Role::Admin).then_some(own)
}

/// Returns whether an invitation may be used now: it is good, and its maker, with this member row,
/// may still give it.
#[must_use]
pub fn is_invite_valid(
    invite: &Invite,
    conversation: &Conversation,
    is_maker_active: bool,
    maker: Option<&Member>,
    now: Timestamp,
) -> bool {
    let below = manageable_invites_below(conversation, maker).filter(|_| is_maker_active);
    invite.is_good(now) && below.is_some_and(|below| invite.role < below)
}

#[must_use]
pub fn may_audit(account: &Account) -> bool {
    account.active && account.superuser
}

/// Returns whether a member owns a group: an owner with a disabled account cannot act.
#[must_use]
pub fn is_acting_owner(member: &Member, is_account_active: bool) -> bool {
    is_account_active && member.is_active_owner()
}

/// Returns whether others find an account by its name or id. A disabled account is answered like a
/// missing one, everywhere; only its messages and member rows keep its name.
#[must_use]
pub fn is_findable(account: &Account) -> bool {
    account.active
}

/// Checks whether a user may be contacted, or added to a group, by another user whom the user may
/// have blocked.
pub fn may_contact(is_active: bool, is_blocked: bool) -> Result<(), Refusal> {
    match (is_active, is_blocked) {
        (false, _) => Err(Refusal::UnknownUser),
        (true, true) => Err(Refusal::Blocked),
        (true, false) => Ok(()),
    }
}

/// The invitations by [`Action::Add`] that an account may have open.
pub const MAX_INVITATIONS: usize = 50;

/// Returns whether an addition to a group makes a user an active member or an invited one.
pub fn added_as(facts: &AdditionFacts) -> Result<MemberStatus, Refusal> {
    let is_welcome = match facts.added_by {
        AddedBy::Everyone => true,
        AddedBy::Acquaintances => facts.is_acquaintance,
        AddedBy::Nobody => false,
    };
    match is_welcome {
        true => Ok(MemberStatus::Active),
        false if facts.invitations < MAX_INVITATIONS => Ok(MemberStatus::Invited),
        false => Err(Refusal::Full),
    }
}

/// Checks whether a silence or an invitation may last until this time.
pub fn may_last_until(until: Timestamp, now: Timestamp) -> Result<(), Refusal> {
    if now < until { Ok(()) } else { Err(Refusal::NotInFuture) }
}

/// Returns whether others may see what a user does now: online, typing, reading, and the last-seen
/// time.
#[must_use]
pub fn shows_presence(hides_presence: bool) -> bool {
    !hides_presence
}

/// Returns whether `viewer` may see `account` online, and its last-seen time. A block hides them
/// from both.
#[must_use]
pub fn may_see_presence(viewer: UserId, account: &Account, is_block_between: bool) -> bool {
    let is_shown = shows_presence(account.profile.hides_presence) && !is_block_between;
    viewer == account.id || is_shown
}

/// Decides one intent. Pure: the same facts and time give the same answer. Invisible objects are
/// refused exactly like missing ones.
pub fn decide(intent: &Intent, facts: &Facts, now: Timestamp) -> Result<Decision, DecideError> {
    let account = facts.account(intent.actor)?.filter(|account| account.active);
    let account = account.ok_or(Refusal::NoAccount)?;
    let conversation = facts.conversation(intent.conversation)?;
    let conversation = conversation
        .filter(|facts| facts.conversation.deleted_at.is_none())
        .ok_or(Refusal::NotFound)?;
    let context = Context { actor: Actor { id: intent.actor, account }, conversation, facts, now };
    match &intent.action {
        Action::Send { client_id, body, marked_edited, reply_to } => {
            context.send(*client_id, body, *marked_edited, *reply_to).map(Decision::from)
        }
        Action::Edit { message, body, expected } => {
            context.edit(*message, body.as_ref(), expected).map(Decision::from)
        }
        Action::Delete { message, expected } => context.delete(*message, expected),
        Action::React { message, emoji, present } => {
            context.react(*message, emoji, *present).map(Decision::from)
        }
        Action::Unreact { message, user, emoji } => {
            context.unreact(*message, *user, emoji.as_ref())
        }
        Action::Pin { message, pinned } => context.pin(*message, *pinned).map(Decision::from),
        Action::Join { invite } => context.join(*invite).map(Decision::from),
        Action::Add { user, role } => context.add(*user, *role).map(Decision::from),
        Action::Accept => context.accept().map(Decision::from),
        Action::Decline => context.decline().map(Decision::from),
        Action::Remove { user } => context.remove(*user).map(Decision::from),
        Action::Leave => context.leave().map(Decision::from),
        Action::SetRole { user, role } => context.set_role(*user, *role),
        Action::StepDown { successor } => context.step_down(*successor).map(Decision::from),
        Action::Ban { user } => context.ban(*user),
        Action::Unban { user } => context.unban(*user),
        Action::Silence { user, until } => context.silence(*user, *until),
        Action::SetDetails { title, topic, history } => {
            context.set_details(title, topic, *history).map(Decision::from)
        }
        Action::DeleteConversation => context.delete_conversation().map(Decision::from),
    }
}

impl From<Change> for Decision {
    fn from(change: Change) -> Self {
        Self { outcome: Outcome::Applied(change), audit: None }
    }
}

impl From<Outcome> for Decision {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, audit: None }
    }
}

struct Context<'a> {
    actor: Actor<'a>,
    conversation: &'a ConversationFacts,
    facts: &'a Facts,
    now: Timestamp,
}

struct Actor<'a> {
    id: UserId,
    account: &'a AccountFacts,
}

impl Context<'_> {
    fn member(&self, user: UserId) -> Result<Option<&Member>, FactNotLoaded> {
        self.facts.member(self.conversation, user)
    }

    /// Returns the actor's role, if the actor may read the conversation.
    fn role(&self) -> Result<Role, DecideError> {
        Ok(role(&self.conversation.conversation, self.member(self.actor.id)?)?)
    }

    fn is_group(&self) -> bool {
        self.conversation.conversation.kind == ConversationKind::Group
    }

    /// Allows superusers an action that members may not take, with an entry in the audit log.
    fn or_moderate(
        &self,
        as_member: Result<(), DecideError>,
        act: AuditedAction,
    ) -> Result<Option<AuditEntry>, DecideError> {
        let conversation = &self.conversation.conversation;
        let is_private = matches!(conversation.kind, ConversationKind::Direct(_));
        match as_member {
            Ok(()) => Ok(None),
            Err(DecideError::Refused(_)) if self.actor.account.superuser && !is_private => {
                let (at, actor) = (self.changed_at(), self.actor.id);
                Ok(Some(AuditEntry { at, actor, conversation: conversation.id, act }))
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the time to record if the intent changes something.
    fn changed_at(&self) -> Timestamp {
        self.conversation.head.next_at(self.now)
    }

    fn next_seq(&self) -> Seq {
        self.conversation.head.seq.next()
    }

    fn changed_message(&self, mut message: Message) -> Change {
        message.seq_last = self.next_seq();
        Change::Message(Arc::new(message))
    }

    /// Admins may set title and topic; only owners may set the history rule.
    fn set_details(
        &self,
        title: &Update<Title>,
        topic: &Update<Topic>,
        history: Option<HistoryRule>,
    ) -> Result<Change, DecideError> {
        let required = if history.is_some() { Role::Owner } else { Role::Admin };
        self.check_role(required)?;
        let before = &*self.conversation.conversation;
        let details = Details {
            title: title.over(before.details.title.as_ref()),
            topic: topic.over(before.details.topic.as_ref()),
            history: history.unwrap_or(before.details.history),
        };
        let changes_view = details.history != before.details.history;
        let view_version = before.view_version.saturating_add(changes_view.into());
        Ok(self.changed_conversation(Conversation { details, view_version, ..before.clone() }))
    }

    fn delete_conversation(&self) -> Result<Change, DecideError> {
        self.check_role(Role::Owner)?;
        let deleted_at = Some(self.changed_at());
        let before = Conversation::clone(&self.conversation.conversation);
        Ok(self.changed_conversation(Conversation { deleted_at, ..before }))
    }

    fn check_role(&self, required: Role) -> Result<(), DecideError> {
        let role = self.role()?;
        if self.is_group() && role >= required { Ok(()) } else { Err(Refusal::Forbidden.into()) }
    }

    fn changed_conversation(&self, conversation: Conversation) -> Change {
        let seq_last = self.next_seq();
        Change::Conversation(Arc::new(Conversation { seq_last, ..conversation }))
    }
}
