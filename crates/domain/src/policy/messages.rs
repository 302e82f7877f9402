//! Sending, editing, deleting, reacting and pinning.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Context, DecideError, Decision, hidden_up_to, may_edit};
use crate::{
    AuditedAction, Author, Change, ClientId, ConversationKind, Emoji, ExpectedEdits, MemberStatus,
    Mentions, Message, MessageBody, MessageId, Outcome, Reactions, Refusal, Role, UserId, Username,
    mention,
};

impl Context<'_> {
    pub(super) fn send(
        &self,
        client_id: ClientId,
        body: &MessageBody,
        marked_edited: bool,
        reply_to: Option<MessageId>,
    ) -> Result<Outcome, DecideError> {
        self.role()?;
        let first_hash = body.hash();
        // A retry changes nothing, so it succeeds even if the actor may no longer write.
        if let Some(message) = self.facts.sent(self.conversation, self.actor.id, client_id)? {
            return if message.first_hash == first_hash {
                Ok(Outcome::AlreadyStored(Arc::clone(message)))
            } else {
                Err(Refusal::ClientIdReused.into())
            };
        }
        let role = self.writing_role()?;
        if let Some(id) = reply_to {
            self.visible_message(id)?.ok_or(Refusal::UnknownReply)?;
        }
        let (seq, now) = (self.next_seq(), self.changed_at());
        Ok(Outcome::Applied(Change::Message(Arc::new(Message {
            id: self.facts.free_id()?,
            conversation: self.conversation.conversation.id,
            msg_no: self.conversation.head.msg_no.next(),
            seq_created: seq,
            seq_last: seq,
            author: Author { id: self.actor.id, username: self.actor.account.username.clone() },
            client_id,
            first_hash,
            body: body.clone(),
            mentions: self.mentions(role, body)?,
            reply_to,
            created_at: now,
            edited_at: marked_edited.then_some(now),
            edits: marked_edited.into(),
            reactions: Reactions::default(),
            pinned_at: None,
            deleted_at: None,
        }))))
    }

    pub(super) fn edit(
        &self,
        id: MessageId,
        body: Option<&MessageBody>,
        expected: &ExpectedEdits,
    ) -> Result<Change, DecideError> {
        let before = self.message_to_read(id)?;
        if !may_edit(self.actor.id, before) {
            return Err(Refusal::Forbidden.into());
        }
        let role = self.writing_role()?;
        if !expected.allows(before.edits) {
            return Err(Refusal::Outdated.into());
        }
        let mut message = Message::clone(before);
        if let Some(body) = body {
            message.body = body.clone();
            message.mentions = self.mentions(role, body)?;
        }
        message.edited_at = Some(self.changed_at());
        message.edits = message.edits.saturating_add(1);
        Ok(self.changed_message(message))
    }

    /// Authors, group managers and superusers may delete.
    pub(super) fn delete(
        &self,
        id: MessageId,
        expected: &ExpectedEdits,
    ) -> Result<Decision, DecideError> {
        let as_member = || {
            let role = self.role()?;
            let message = self.visible_message(id)?.ok_or(Refusal::NotFound)?;
            let manages = self.is_group() && role >= Role::Admin;
            let may = manages || may_edit(self.actor.id, message);
            if may { Ok(()) } else { Err(Refusal::Forbidden.into()) }
        };
        let audit = self.or_moderate(as_member(), AuditedAction::DeleteMessage(id))?;
        let mut message = Message::clone(self.message(id)?.ok_or(Refusal::NotFound)?);
        if !expected.allows(message.edits) {
            return Err(Refusal::Outdated.into());
        }
        message.body = MessageBody::erased();
        message.mentions = Mentions::default();
        message.reactions = Reactions::default();
        message.pinned_at = None;
        message.deleted_at = Some(self.changed_at());
        Ok(Decision { audit, ..self.changed_message(message).into() })
    }

    pub(super) fn react(
        &self,
        id: MessageId,
        emoji: &Emoji,
        present: bool,
    ) -> Result<Change, DecideError> {
        let before = self.message_to_read(id)?;
        self.writing_role()?;
        let reactions = before.reactions.with(self.actor.id, emoji, present);
        let reactions = reactions.ok_or(Refusal::Full)?;
        Ok(self.changed_message(Message { reactions, ..Message::clone(before) }))
    }

    /// Group managers and superusers may remove reactions of others. All reactions of a banned user
    /// go, even to messages that the actor does not see.
    pub(super) fn unreact(
        &self,
        id: MessageId,
        user: UserId,
        emoji: Option<&Emoji>,
    ) -> Result<Decision, DecideError> {
        let as_member = || {
            self.managing_role()?;
            let is_visible = emoji.is_none() || self.visible_message(id)?.is_some();
            if is_visible { Ok(()) } else { Err(Refusal::NotFound.into()) }
        };
        let audit = self.or_moderate(as_member(), AuditedAction::Unreact(id, user))?;
        let before = self.message(id)?.ok_or(Refusal::NotFound)?;
        let member = self.member(user)?;
        let is_banned = member.is_some_and(|member| member.status == MemberStatus::Banned);
        let (reactions, audit) = match emoji {
            Some(emoji) => (before.reactions.with(user, emoji, false), audit),
            None if !is_banned => return Err(Refusal::Forbidden.into()),
            // The entry of the ban stands for this.
            None => (before.reactions.without(&HashSet::from([user])), None),
        };
        let reactions = reactions.ok_or(Refusal::NotFound)?;
        let change = self.changed_message(Message { reactions, ..Message::clone(before) });
        Ok(Decision { audit, ..change.into() })
    }

    /// Direct members, group managers, and in the lobby superusers may pin.
    pub(super) fn pin(&self, id: MessageId, pinned: bool) -> Result<Change, DecideError> {
        let role = self.role()?;
        let before = self.visible_message(id)?.ok_or(Refusal::NotFound)?;
        let may = match self.conversation.conversation.kind {
            ConversationKind::Direct(_) => true,
            ConversationKind::Group => role >= Role::Admin,
            ConversationKind::Lobby => self.actor.account.superuser,
        };
        if !may {
            return Err(Refusal::Forbidden.into());
        }
        self.check_not_blocked()?;
        let pinned_at = pinned.then(|| before.pinned_at.unwrap_or(self.changed_at()));
        Ok(self.changed_message(Message { pinned_at, ..Message::clone(before) }))
    }

    /// Returns the actor's role, if the actor may write now.
    fn writing_role(&self) -> Result<Role, DecideError> {
        let member = self.member(self.actor.id)?;
        let role = super::writing_role(&self.conversation.conversation, member, self.now)?;
        self.check_not_blocked().map(|()| role)
    }

    /// In a direct conversation the other user may have blocked the actor.
    fn check_not_blocked(&self) -> Result<(), DecideError> {
        if let ConversationKind::Direct(pair) = self.conversation.conversation.kind
            && self.facts.is_blocked(pair.other_than(self.actor.id), self.actor.id)?
        {
            return Err(Refusal::Blocked.into());
        }
        Ok(())
    }

    /// Returns a message that is not deleted, whether or not the actor may see it.
    fn message(&self, id: MessageId) -> Result<Option<&Message>, DecideError> {
        let message = self.facts.message(self.conversation, id)?;
        Ok(message.map(|message| &**message).filter(|message| !message.is_deleted()))
    }

    /// Returns a message that the actor may see, like [`crate::Viewer::sees`].
    fn visible_message(&self, id: MessageId) -> Result<Option<&Message>, DecideError> {
        let actor = self.actor.id;
        let hidden = hidden_up_to(&self.conversation.conversation, self.member(actor)?);
        let message = self.message(id)?.filter(|message| message.msg_no > hidden);
        let Some(message) = message else { return Ok(None) };
        let is_hidden = self.facts.is_by_blocked(self.conversation, actor, message)?;
        Ok((!is_hidden).then_some(message))
    }

    /// Returns a message that the actor may read.
    fn message_to_read(&self, id: MessageId) -> Result<&Message, DecideError> {
        self.role()?;
        Ok(self.visible_message(id)?.ok_or(Refusal::NotFound)?)
    }

    /// Finds for each `@` the member whom it mentions.
    fn mentions(&self, role: Role, body: &MessageBody) -> Result<Mentions, DecideError> {
        let may_call_all = match self.conversation.conversation.kind {
            ConversationKind::Direct(_) => false,
            ConversationKind::Group => role >= Role::Admin,
            ConversationKind::Lobby => self.actor.account.superuser,
        };
        let mut users: Vec<UserId> = Vec::new();
        let mut all = false;
        for call in mention::calls(body.as_str()) {
            let mut mentioned = None;
            for name in &call.names {
                mentioned = self.member_named(name)?;
                if mentioned.is_some() {
                    break;
                }
            }
            match mentioned {
                Some(user) if !users.contains(&user) => users.push(user),
                Some(_) => {}
                None => all |= call.is_all && may_call_all,
            }
        }
        Ok(Mentions { users: users.into(), all })
    }

    /// Returns the member with exactly this name, or else the only one whose name is equal.
    fn member_named(&self, name: &Username) -> Result<Option<UserId>, DecideError> {
        let mut members = self.facts.named(self.conversation, name)?;
        members.retain(|(_, _, row)| super::visible(&self.conversation.conversation, *row));
        let exact = members.iter().find(|(_, username, _)| *username == name);
        let only = members.first().filter(|_| members.len() == 1);
        Ok(exact.or(only).map(|(user, _, _)| *user))
    }
}
