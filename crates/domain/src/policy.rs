//! Who may do what to what: the one place that answers it.

mod conversations;
mod ephemeral;
mod members;
mod messages;

use std::sync::Arc;

use crate::facts::ConversationFacts;
use crate::{
    Account, AccountFacts, Action, AuditEntry, AuditedAction, Change, Conversation,
    ConversationKind, Facts, HistoryRule, Intent, Member, MemberStatus, Message, MsgNo, Outcome,
    Profile, Role, Seq, Timestamp, UserId,
};

pub use ephemeral::{SMALL_GROUP, may_type, shows_read_receipts};

/// Why an intent was not carried out. Nothing of it was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The actor has no account, or a disabled one.
    #[error("no active account")]
    NoAccount,
    /// There is no such conversation, message or member that the actor may see.
    #[error("not found")]
    NotFound,
    /// There is no active account that is meant, or it takes no part.
    #[error("no such user")]
    UnknownUser,
    /// There is no message that the actor may see to be answered.
    #[error("no such message to be answered")]
    UnknownReply,
    /// The actor may see it, but not change it.
    #[error("not allowed")]
    Forbidden,
    /// The actor was shut out of this conversation.
    #[error("banned from this conversation")]
    Banned,
    /// The actor may only read for a time.
    #[error("silenced for a time")]
    Silenced {
        /// Until then.
        until: Timestamp,
    },
    /// The other one wants no direct messages from the actor.
    #[error("blocked by the other one")]
    Blocked,
    /// The client id belongs to a message with another text.
    #[error("this client id was used for another message")]
    ClientIdReused,
    /// The message was edited meanwhile.
    #[error("the message was edited meanwhile")]
    Outdated,
    /// Somebody takes part already.
    #[error("takes part already")]
    AlreadyMember,
    /// There is no room for more.
    #[error("there is no room for more of this")]
    Full,
    /// Nobody would be left to administer the conversation.
    #[error("a conversation keeps at least one owner")]
    LastOwner,
    /// Members are not shown how far the others have read.
    #[error("markers are not shown here")]
    ReceiptsHidden,
}

/// What came of an intent, and what of it belongs into the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What came of it.
    pub outcome: Outcome,
    /// An act by the power of a superuser alone.
    pub audit: Option<AuditEntry>,
}

/// Whether an active account may read a conversation, given its member row.
#[must_use]
pub fn visible(conversation: &Conversation, member: Option<&Member>) -> bool {
    if conversation.deleted_at.is_some() {
        return false;
    }
    match (conversation.kind, member) {
        (ConversationKind::Lobby, None) => true,
        (ConversationKind::Lobby, Some(member)) => member.standing != MemberStatus::Banned,
        (ConversationKind::Group | ConversationKind::Direct(_), member) => {
            member.is_some_and(Member::is_active)
        }
    }
}

/// What an active account is in a conversation that it may read, given its member row.
///
/// # Errors
///
/// [`Refusal::Banned`] for who was shut out, and [`Refusal::NotFound`].
pub fn role(conversation: &Conversation, member: Option<&Member>) -> Result<Role, Refusal> {
    if visible(conversation, member) {
        return Ok(member.map_or(Role::Member, |member| member.role));
    }
    match member {
        Some(member) if member.standing == MemberStatus::Banned => Err(Refusal::Banned),
        _ => Err(Refusal::NotFound),
    }
}

/// The same of who may write there now.
fn writing_role(
    conversation: &Conversation,
    member: Option<&Member>,
    clock: Timestamp,
) -> Result<Role, Refusal> {
    let role = role(conversation, member)?;
    if role == Role::Reader {
        return Err(Refusal::Forbidden);
    }
    match member.and_then(|member| member.silenced_until) {
        Some(until) if clock < until => Err(Refusal::Silenced { until }),
        _ => Ok(role),
    }
}

/// The last message that is hidden from who may read a conversation: all after
/// it may be seen, and of it and those before neither text, edit nor reaction.
#[must_use]
pub fn hidden_up_to(conversation: &Conversation, member: Option<&Member>) -> MsgNo {
    match (conversation.kind, conversation.details.history, member) {
        (ConversationKind::Group, HistoryRule::SinceJoined, Some(member)) => member.visible_after,
        _ => MsgNo::ZERO,
    }
}

/// Whether `user` may edit a message that it can see.
#[must_use]
pub fn may_alter(user: UserId, message: &Message) -> bool {
    message.author.id == user
}

/// Whoever manages a group may see, make and take back invitations to the roles
/// below this one; `None` for who may not.
#[must_use]
pub fn manageable_invites_below(
    conversation: &Conversation,
    member: Option<&Member>,
) -> Option<Role> {
    let is_there = conversation.kind == ConversationKind::Group && visible(conversation, member);
    let own = member.filter(|member| is_there && member.is_active())?.role;
    (own >= Role::Admin).then_some(own)
}

/// Whether an account may read what superusers did.
#[must_use]
pub fn may_audit(account: &Account) -> bool {
    account.active && account.superuser
}

/// Whether somebody may be spoken to, or put into a room, by who it may have blocked.
///
/// # Errors
///
/// [`Refusal::UnknownUser`] for a disabled account, [`Refusal::Blocked`].
pub fn may_contact(is_active: bool, is_blocked: bool) -> Result<(), Refusal> {
    match (is_active, is_blocked) {
        (false, _) => Err(Refusal::UnknownUser),
        (true, true) => Err(Refusal::Blocked),
        (true, false) => Ok(()),
    }
}

/// Whether others may know if somebody with this profile is there, and when it last was.
#[must_use]
pub fn shows_presence(profile: &Profile) -> bool {
    !profile.hides_presence
}

/// Whether `viewer` may know if `account` is there, and when it last was.
#[must_use]
pub fn may_see_presence(viewer: UserId, account: &Account) -> bool {
    viewer == account.id || shows_presence(&account.profile)
}

/// Judges one intent. Pure: the same facts and clock give the same answer.
///
/// # Errors
///
/// A [`Refusal`]; what may not be seen is refused as what does not exist.
pub fn decide(intent: &Intent, facts: &Facts, clock: Timestamp) -> Result<Decision, Refusal> {
    let account = facts
        .accounts
        .get(&intent.actor)
        .filter(|account| account.active)
        .ok_or(Refusal::NoAccount)?;
    let here = facts.conversations.get(&intent.conversation).ok_or(Refusal::NotFound)?;
    if here.conversation.deleted_at.is_some() {
        return Err(Refusal::NotFound);
    }
    let at = here.head.next_at(clock);
    let case = Case { id: intent.actor, account, here, facts, at, clock };
    match &intent.action {
        Action::Send { client_id, body, marked_edited, reply_to } => {
            let send = messages::Send {
                client_id: *client_id,
                body,
                marked_edited: *marked_edited,
                reply_to: *reply_to,
            };
            case.send(&send).map(Decision::from)
        }
        Action::Edit { message, body, expected_edits } => {
            case.edit(*message, body.as_ref(), *expected_edits).map(Decision::from)
        }
        Action::Delete { message } => case.delete(*message),
        Action::React { message, emoji, present } => {
            case.react(*message, emoji, *present).map(Decision::from)
        }
        Action::Pin { message, pinned } => case.pin(*message, *pinned).map(Decision::from),
        Action::Join { invite } => case.join(*invite).map(Decision::from),
        Action::Add { user, role } => case.add(*user, *role).map(Decision::from),
        Action::Remove { user } => case.remove(*user).map(Decision::from),
        Action::Leave => case.leave().map(Decision::from),
        Action::SetRole { user, role } => case.set_role(*user, *role).map(Decision::from),
        Action::StepDown { successor } => case.step_down(*successor).map(Decision::from),
        Action::Ban { user } => case.ban(*user),
        Action::Unban { user } => case.unban(*user),
        Action::Silence { user, until } => case.silence(*user, *until),
        Action::SetDetails { title, topic, history } => {
            case.set_details(title, topic, *history).map(Decision::from)
        }
        Action::Close => case.close().map(Decision::from),
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

/// Somebody, and what the matter is.
struct Case<'a> {
    id: UserId,
    account: &'a AccountFacts,
    here: &'a ConversationFacts,
    facts: &'a Facts,
    /// When it happens, if it does.
    at: Timestamp,
    clock: Timestamp,
}

impl Case<'_> {
    /// What the actor is here, if anything.
    fn role(&self) -> Result<Role, Refusal> {
        role(&self.here.conversation, self.here.members.get(&self.id))
    }

    /// Lets a superuser do it who could not do it as a member, and notes that.
    fn or_moderate(
        &self,
        as_member: Result<(), Refusal>,
        act: AuditedAction,
    ) -> Result<Option<AuditEntry>, Refusal> {
        let is_private = matches!(self.here.conversation.kind, ConversationKind::Direct(_));
        match as_member {
            Ok(()) => Ok(None),
            Err(_) if self.account.superuser && !is_private => Ok(Some(AuditEntry {
                at: self.at,
                actor: self.id,
                conversation: self.here.conversation.id,
                act,
            })),
            Err(refusal) => Err(refusal),
        }
    }

    fn next_seq(&self) -> Seq {
        self.here.head.seq.next()
    }

    fn touched(&self, mut message: Message) -> Change {
        message.seq_last = self.next_seq();
        Change::Message(Arc::new(message))
    }
}
