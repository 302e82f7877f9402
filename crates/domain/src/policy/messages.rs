//! Sending, editing, deleting, reacting and pinning.

use std::sync::Arc;

use super::{Case, Decision, hidden_up_to, may_alter};
use crate::{
    AuditedAction, Author, Change, ClientId, ConversationKind, Emoji, Mentions, Message,
    MessageBody, MessageId, Outcome, Reactions, Refusal, Role, UserId, mention,
};

pub(super) struct Send<'a> {
    pub(super) client_id: ClientId,
    pub(super) body: &'a MessageBody,
    pub(super) marked_edited: bool,
    pub(super) reply_to: Option<MessageId>,
}

impl Case<'_> {
    pub(super) fn send(&self, send: &Send<'_>) -> Result<Outcome, Refusal> {
        self.role()?;
        let here = self.here;
        let first_hash = send.body.hash();
        // A retry is no new message: whoever may no longer write gets its answer all the same.
        if let Some(message) = here.sent(self.id, send.client_id) {
            return if message.first_hash == first_hash {
                Ok(Outcome::Replayed(Arc::clone(message)))
            } else {
                Err(Refusal::ClientIdReused)
            };
        }
        let role = self.writing_role()?;
        if let Some(id) = send.reply_to {
            self.seen(id).map_err(|_| Refusal::UnknownReply)?;
        }
        // A store that lends too few ids is at fault; the send is not done then.
        let id = self.facts.free_ids.front().copied().ok_or(Refusal::NotFound)?;
        let seq = self.next_seq();
        Ok(Outcome::Applied(Change::Message(Arc::new(Message {
            id,
            conversation: here.conversation.id,
            msg_no: here.head.msg_no.next(),
            seq_created: seq,
            seq_last: seq,
            author: Author { id: self.id, username: self.account.username.clone() },
            client_id: send.client_id,
            first_hash,
            body: send.body.clone(),
            mentions: self.mentions(role, send.body),
            reply_to: send.reply_to,
            created_at: self.at,
            edited_at: send.marked_edited.then_some(self.at),
            edits: send.marked_edited.into(),
            reactions: Reactions::default(),
            pinned_at: None,
            deleted_at: None,
        }))))
    }

    pub(super) fn edit(
        &self,
        id: MessageId,
        body: Option<&MessageBody>,
        expected_edits: Option<i64>,
    ) -> Result<Change, Refusal> {
        // Who may not write may not write by editing, either.
        let seen = self.role().and_then(|_| self.seen(id))?;
        if !may_alter(self.id, seen) {
            return Err(Refusal::Forbidden);
        }
        let role = self.writing_role()?;
        if expected_edits.is_some_and(|expected| expected != seen.edits) {
            return Err(Refusal::Outdated);
        }
        let mut message = Message::clone(seen);
        if let Some(body) = body {
            message.body = body.clone();
            message.mentions = self.mentions(role, body);
        }
        message.edited_at = Some(self.at);
        message.edits = message.edits.saturating_add(1);
        Ok(self.touched(message))
    }

    /// By its author, by who manages the group, or by a superuser.
    pub(super) fn delete(&self, id: MessageId) -> Result<Decision, Refusal> {
        let as_member = self.role().and_then(|role| {
            let message = self.seen(id)?;
            let is_group = self.here.conversation.kind == ConversationKind::Group;
            let manages = is_group && role >= Role::Admin;
            if may_alter(self.id, message) || manages { Ok(()) } else { Err(Refusal::Forbidden) }
        });
        let audit = self.or_moderate(as_member, AuditedAction::DeleteMessage(id))?;
        let mut message = Message::clone(self.there(id)?);
        message.body = MessageBody::erased();
        message.mentions = Mentions::default();
        message.reactions = Reactions::default();
        message.pinned_at = None;
        message.deleted_at = Some(self.at);
        Ok(Decision { audit, ..self.touched(message).into() })
    }

    pub(super) fn react(
        &self,
        id: MessageId,
        emoji: &Emoji,
        present: bool,
    ) -> Result<Change, Refusal> {
        let seen = self.role().and_then(|_| self.seen(id))?;
        self.writing_role()?;
        let reactions = seen.reactions.with(self.id, emoji, present).ok_or(Refusal::Full)?;
        Ok(self.touched(Message { reactions, ..Message::clone(seen) }))
    }

    /// By either of two, by who manages a group, in the lobby by superusers.
    pub(super) fn pin(&self, id: MessageId, pinned: bool) -> Result<Change, Refusal> {
        let role = self.role()?;
        let seen = self.seen(id)?;
        let may = match self.here.conversation.kind {
            ConversationKind::Direct(_) => true,
            ConversationKind::Group => role >= Role::Admin,
            ConversationKind::Lobby => self.account.superuser,
        };
        if !may {
            return Err(Refusal::Forbidden);
        }
        self.check_welcome()?;
        let pinned_at = pinned.then(|| seen.pinned_at.unwrap_or(self.at));
        Ok(self.touched(Message { pinned_at, ..Message::clone(seen) }))
    }

    /// What the actor is here, if that may write now.
    fn writing_role(&self) -> Result<Role, Refusal> {
        let member = self.here.members.get(&self.id);
        let role = super::writing_role(&self.here.conversation, member, self.clock)?;
        self.check_welcome().map(|()| role)
    }

    /// Of two, the other may want to hear no more.
    fn check_welcome(&self) -> Result<(), Refusal> {
        match self.here.conversation.kind {
            ConversationKind::Direct(pair)
                if self.facts.blocks.contains(&(pair.other_than(self.id), self.id)) =>
            {
                Err(Refusal::Blocked)
            }
            _ => Ok(()),
        }
    }

    /// A message that is there, whoever may see it.
    fn there(&self, id: MessageId) -> Result<&Message, Refusal> {
        let message = self.here.messages.get(&id);
        message.filter(|message| !message.is_deleted()).map(|m| &**m).ok_or(Refusal::NotFound)
    }

    /// A message that the actor, who may read here, can see.
    fn seen(&self, id: MessageId) -> Result<&Message, Refusal> {
        let member = self.here.members.get(&self.id);
        let hidden = hidden_up_to(&self.here.conversation, member);
        let message = self.there(id)?;
        if message.msg_no > hidden { Ok(message) } else { Err(Refusal::NotFound) }
    }

    /// Whom a text calls: of each call, the member with the longest name.
    fn mentions(&self, role: Role, body: &MessageBody) -> Mentions {
        let may_call_all = match self.here.conversation.kind {
            ConversationKind::Direct(_) => false,
            ConversationKind::Group => role >= Role::Admin,
            ConversationKind::Lobby => self.account.superuser,
        };
        let mut users: Vec<UserId> = Vec::new();
        let mut all = false;
        for call in mention::calls(body.as_str()) {
            let member = call.names.iter().find_map(|name| {
                let user = self.facts.names.get(name)?;
                let member = self.here.members.get(user);
                super::visible(&self.here.conversation, member).then_some(*user)
            });
            match member {
                Some(user) if !users.contains(&user) => users.push(user),
                Some(_) => {}
                None => all |= call.is_all && may_call_all,
            }
        }
        Mentions { users: users.into(), all }
    }
}
