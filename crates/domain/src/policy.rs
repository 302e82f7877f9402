//! Who may do what to what: the one place that answers it.

use std::sync::Arc;

use crate::facts::ConversationFacts;
use crate::{
    AccountFacts, Action, Author, Change, ClientId, Conversation, ConversationKind, Facts, Intent,
    Member, Message, MessageBody, MessageId, Outcome, Role, Standing, Timestamp, UserId,
};

/// Why an intent was not carried out. Nothing of it was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The actor has no account, or a disabled one.
    #[error("no active account")]
    NoAccount,
    /// There is no such conversation, message or member that the actor may see.
    #[error("not found")]
    NotFound,
    /// The actor may see it, but not change it.
    #[error("not allowed")]
    Forbidden,
    /// The actor was shut out of this conversation.
    #[error("banned from this conversation")]
    Banned,
    /// The client id belongs to a message with another text.
    #[error("this client id was used for another message")]
    ClientIdReused,
    /// Nobody would be left to administer the conversation.
    #[error("a conversation keeps at least one owner")]
    LastOwner,
}

/// Whether an active account may read a conversation, given its member row.
#[must_use]
pub fn visible(conversation: &Conversation, member: Option<&Member>) -> bool {
    match (conversation.kind, member) {
        (ConversationKind::Lobby, None) => true,
        (ConversationKind::Lobby, Some(member)) => member.standing != Standing::Banned,
        (ConversationKind::Group, member) => member.is_some_and(Member::is_active),
    }
}

/// Judges one intent. Pure: the same facts and clock give the same answer.
///
/// # Errors
///
/// A [`Refusal`]; what may not be seen is refused as what does not exist.
pub fn decide(intent: &Intent, facts: &Facts, clock: Timestamp) -> Result<Outcome, Refusal> {
    let account = facts
        .accounts
        .get(&intent.actor)
        .filter(|account| account.active)
        .ok_or(Refusal::NoAccount)?;
    let here = facts.conversations.get(&intent.conversation).ok_or(Refusal::NotFound)?;
    let role = role(here, intent.actor);
    let actor = Actor { id: intent.actor, account };
    let at = here.head.next_at(clock);
    match &intent.action {
        Action::Send { client_id, body, marked_edited } => {
            let send = Send { client_id: *client_id, body, marked_edited: *marked_edited };
            let id = facts.free_ids.front().copied();
            send.decide(&actor, role?, here, id, at)
        }
        Action::Edit { message, body } => {
            role?;
            let mut message = own_message(&actor, here, *message)?;
            if let Some(body) = body {
                message.body = body.clone();
            }
            message.edited_at = Some(at);
            Ok(touched(message, here))
        }
        Action::Delete { message } => {
            role?;
            let mut message = own_message(&actor, here, *message)?;
            message.body = MessageBody::erased();
            message.deleted_at = Some(at);
            Ok(touched(message, here))
        }
        Action::Leave => {
            role?;
            leave(&actor, here)
        }
        // A superuser need not take part.
        Action::Ban { user } => ban(&actor, role, here, facts, *user),
    }
}

struct Actor<'a> {
    id: UserId,
    account: &'a AccountFacts,
}

/// What `user` is here, if anything.
fn role(here: &ConversationFacts, user: UserId) -> Result<Role, Refusal> {
    let member = here.members.get(&user);
    if visible(&here.conversation, member) {
        return Ok(member.map_or(Role::Member, |member| member.role));
    }
    match member {
        Some(member) if member.standing == Standing::Banned => Err(Refusal::Banned),
        _ => Err(Refusal::NotFound),
    }
}

struct Send<'a> {
    client_id: ClientId,
    body: &'a MessageBody,
    marked_edited: bool,
}

impl Send<'_> {
    fn decide(
        self,
        actor: &Actor<'_>,
        role: Role,
        here: &ConversationFacts,
        free_id: Option<MessageId>,
        at: Timestamp,
    ) -> Result<Outcome, Refusal> {
        if role == Role::Reader {
            return Err(Refusal::Forbidden);
        }
        let first_hash = self.body.hash();
        if let Some(message) = here.sent(actor.id, self.client_id) {
            return if message.first_hash == first_hash {
                Ok(Outcome::Replayed(Arc::clone(message)))
            } else {
                Err(Refusal::ClientIdReused)
            };
        }
        // A store that lends too few ids is at fault; the send is not done then.
        let id = free_id.ok_or(Refusal::NotFound)?;
        let seq = here.head.seq.next();
        Ok(Outcome::Applied(Change::Message(Arc::new(Message {
            id,
            conversation: here.conversation.id,
            msg_no: here.head.msg_no.next(),
            seq_created: seq,
            seq_last: seq,
            author: Author { id: actor.id, username: actor.account.username.clone() },
            client_id: self.client_id,
            first_hash,
            body: self.body.clone(),
            created_at: at,
            edited_at: self.marked_edited.then_some(at),
            deleted_at: None,
        }))))
    }
}

/// A copy of a message that the actor may alter.
fn own_message(
    actor: &Actor<'_>,
    here: &ConversationFacts,
    id: MessageId,
) -> Result<Message, Refusal> {
    let message =
        here.messages.get(&id).filter(|message| !message.is_deleted()).ok_or(Refusal::NotFound)?;
    if may_alter(actor.id, message) { Ok(Message::clone(message)) } else { Err(Refusal::Forbidden) }
}

/// Whether `user` may edit and delete a message that it can see.
#[must_use]
pub fn may_alter(user: UserId, message: &Message) -> bool {
    message.author.id == user
}

fn touched(mut message: Message, here: &ConversationFacts) -> Outcome {
    message.seq_last = here.head.seq.next();
    Outcome::Applied(Change::Message(Arc::new(message)))
}

fn leave(actor: &Actor<'_>, here: &ConversationFacts) -> Result<Outcome, Refusal> {
    if here.conversation.kind == ConversationKind::Lobby {
        return Err(Refusal::Forbidden);
    }
    let member = here.members.get(&actor.id).ok_or(Refusal::NotFound)?;
    if member.is_active_owner() && here.owners <= 1 {
        return Err(Refusal::LastOwner);
    }
    let seq_last = here.head.seq.next();
    let left = Member { standing: Standing::Left, seq_last, ..*member };
    Ok(Outcome::Applied(Change::Member(left)))
}

/// Superusers ban from anywhere; owners and admins from their group. Nobody
/// bans oneself, an owner of the group, or a superuser.
fn ban(
    actor: &Actor<'_>,
    role: Result<Role, Refusal>,
    here: &ConversationFacts,
    facts: &Facts,
    user: UserId,
) -> Result<Outcome, Refusal> {
    let manages = here.conversation.kind == ConversationKind::Group
        && matches!(role, Ok(Role::Owner | Role::Admin));
    if !manages && !actor.account.superuser {
        return Err(role.err().unwrap_or(Refusal::Forbidden));
    }
    let target = facts.accounts.get(&user).ok_or(Refusal::NotFound)?;
    let member = here.members.get(&user);
    let is_member = here.conversation.kind == ConversationKind::Lobby || member.is_some();
    if !is_member {
        return Err(Refusal::NotFound);
    }
    if user == actor.id || target.superuser || member.is_some_and(Member::is_active_owner) {
        return Err(Refusal::Forbidden);
    }
    Ok(Outcome::Applied(Change::Member(Member {
        conversation: here.conversation.id,
        user,
        role: member.map_or(Role::Member, |member| member.role),
        standing: Standing::Banned,
        seq_last: here.head.seq.next(),
    })))
}
