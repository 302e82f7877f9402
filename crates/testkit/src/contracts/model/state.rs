//! The expected state of everything, computed from the answers that users get.

use std::collections::{BTreeMap, BTreeSet};

use application::{ChatError, PendingOutcome};
use domain::{
    Action, Change, Conversation, ConversationId, ConversationKind, ExpectedEdits, Intent, Member,
    Message, MsgNo, Outcome, Refusal, Role, UserId,
};

use super::conversation::ConversationModel;
use super::system::System;

#[derive(Debug)]
pub(super) struct Model {
    conversations: BTreeMap<ConversationId, ConversationModel>,
    blocks: BTreeSet<(UserId, UserId)>,
    root: UserId,
    /// How often each kind of action was applied.
    pub(super) done: BTreeMap<&'static str, usize>,
}

impl Model {
    pub(super) fn new(system: &System) -> Self {
        let root = system.accounts.last().expect("there are users").id;
        let (blocks, done) = (BTreeSet::new(), BTreeMap::new());
        let mut model = Self { conversations: BTreeMap::new(), blocks, root, done };
        model.add(ConversationModel::new(Conversation::lobby(), Vec::new()));
        model
    }

    pub(super) fn add(&mut self, known: ConversationModel) {
        self.conversations.entry(known.conversation.id).or_insert(known);
    }

    pub(super) fn conversation(&self, id: ConversationId) -> &ConversationModel {
        &self.conversations[&id]
    }

    pub(super) fn conversation_mut(&mut self, id: ConversationId) -> &mut ConversationModel {
        self.conversations.get_mut(&id).expect("a conversation of the run")
    }

    pub(super) fn inbox(&self, user: UserId) -> BTreeSet<ConversationId> {
        let readable = self.conversations.iter().filter(|(_, known)| known.admits(user));
        let is_listed = |known: &ConversationModel| {
            let is_direct = matches!(known.conversation.kind, ConversationKind::Direct(_));
            !is_direct || known.msg_no > MsgNo::ZERO
        };
        readable.filter(|(_, known)| is_listed(known)).map(|(id, _)| *id).collect()
    }

    /// The users that this user blocks.
    pub(super) fn blocked_by(&self, user: UserId) -> BTreeSet<UserId> {
        self.blocks.iter().filter(|(by, _)| *by == user).map(|(_, blocked)| *blocked).collect()
    }

    pub(super) fn blocks(&self, by: UserId, user: UserId) -> bool {
        self.blocks.contains(&(by, user))
    }

    pub(super) fn set_blocked(&mut self, by: UserId, user: UserId, present: bool) {
        if present {
            self.blocks.insert((by, user));
        } else {
            self.blocks.remove(&(by, user));
        }
    }

    /// Whether the user may receive the message or a change of it.
    pub(super) fn may_see(&self, user: UserId, message: &Message) -> bool {
        let known = self.conversation(message.conversation);
        known.admits(user) && known.reaches(user, message) && !self.blocks(user, message.author.id)
    }

    /// Leaves out members that lists need not contain.
    pub(super) fn listed(
        &self,
        conversation: ConversationId,
        members: Vec<Member>,
    ) -> BTreeMap<UserId, Member> {
        let is_lobby = self.conversation(conversation).is_lobby();
        let listed = members.into_iter().filter(|m| !is_lobby || m.seq_last > domain::Seq::ZERO);
        listed.map(|member| (member.user, member)).collect()
    }

    /// Checks the answer to an intent and applies it.
    pub(super) fn record(&mut self, intent: &Intent, answer: &Result<Outcome, Refusal>) {
        let Intent { conversation, actor, action } = intent;
        if let Ok(outcome) = answer {
            assert!(self.is_permitted(intent), "{intent:?} was applied: {outcome:?}");
            *self.done.entry(kind(action, outcome)).or_default() += 1;
        }
        self.conversation_mut(*conversation).record(*actor, action, answer);
    }

    /// A necessary condition for every action that is applied.
    fn is_permitted(&self, Intent { conversation, actor, action }: &Intent) -> bool {
        let known = self.conversation(*conversation);
        let is_private = matches!(known.conversation.kind, ConversationKind::Direct(_));
        let moderates =
            *actor == self.root && !is_private && known.conversation.deleted_at.is_none();
        match action {
            Action::Join { .. } => known.role_of(*actor).is_none(),
            Action::Accept | Action::Decline => known.is_invited(*actor),
            Action::Delete { .. }
            | Action::Unreact { .. }
            | Action::Ban { .. }
            | Action::Unban { .. }
            | Action::Silence { .. }
                if moderates =>
            {
                true
            }
            _ => {
                let seen = action.message().is_none_or(|id| {
                    known.messages.get(&id).is_some_and(|message| {
                        known.reaches(*actor, message) && !self.blocks(*actor, message.author.id)
                    })
                });
                known.admits(*actor) && (seen || matches!(action, Action::Send { .. }))
            }
        }
    }

    /// Marking as read and muting give the user a row.
    pub(super) fn add_row(&mut self, system: &System, conversation: ConversationId, user: UserId) {
        let username = system.account(user).username.clone();
        let member = Member::first(conversation, user, username, Role::Member);
        self.conversation_mut(conversation).add_row(member);
    }

    pub(super) fn mark_read(
        &mut self,
        conversation: ConversationId,
        user: UserId,
        up_to: MsgNo,
    ) -> MsgNo {
        self.conversation_mut(conversation).mark_read(user, up_to)
    }
}

/// Intents whose answers are under way, in order.
#[derive(Default)]
pub(super) struct PendingIntents(Vec<(Intent, PendingOutcome)>);

impl PendingIntents {
    pub(super) fn push(&mut self, intent: Intent, outcome: PendingOutcome) {
        self.0.push((intent, outcome));
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Waits for all answers.
    pub(super) async fn settle(&mut self, model: &mut Model) {
        for (intent, pending) in self.0.drain(..) {
            let answer = match pending.answer().await {
                Ok(outcome) => Ok(outcome),
                Err(ChatError::Refused(refusal)) => Err(refusal),
                Err(error) => panic!("{intent:?}: {error:?}"),
            };
            model.record(&intent, &answer);
        }
    }
}

fn kind(action: &Action, outcome: &Outcome) -> &'static str {
    match (action, outcome) {
        (_, Outcome::AlreadyStored(_)) => "retry",
        (Action::Send { reply_to: Some(_), .. }, _) => "reply",
        (Action::Send { .. }, _) => "send",
        (Action::Edit { expected: ExpectedEdits::OneOf(_), .. }, _) => "edit of a known version",
        (Action::Edit { .. }, _) => "edit",
        (Action::Delete { .. }, _) => "delete",
        (Action::React { .. }, _) => "react",
        (Action::Unreact { .. }, _) => "unreact",
        (Action::Pin { .. }, _) => "pin",
        (Action::Join { .. }, _) => "join",
        (Action::Add { .. }, _) => "add",
        (Action::Accept, _) => "accept",
        (Action::Decline, _) => "decline",
        (Action::Remove { .. }, _) => "remove",
        (Action::Leave, _) => "leave",
        (Action::SetRole { .. } | Action::StepDown { .. }, _) => "set role",
        (Action::Ban { .. }, _) => "ban",
        (Action::Unban { .. }, _) => "unban",
        (Action::Silence { .. }, _) => "silence",
        (
            Action::SetDetails { history: Some(_), .. },
            Outcome::Applied(Change::Conversation(_)),
        ) => "set history",
        (Action::SetDetails { .. }, _) => "set details",
        (Action::DeleteConversation, _) => "close",
    }
}
