use std::collections::BTreeSet;

use crate::{
    Action, ClientId, ConversationId, Intent, InviteCode, MessageBody, MessageId, UserId, mention,
};

/// The facts to load before a batch of intents can be decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// To be locked in this order, with their heads.
    pub conversations: BTreeSet<ConversationId>,
    /// Conversations whose owners with active accounts must be counted.
    pub owner_counts: BTreeSet<ConversationId>,
    pub accounts: BTreeSet<UserId>,
    /// Accounts that a message may mention, by [`crate::Username::key`], with their member rows.
    pub names: BTreeSet<(ConversationId, String)>,
    pub members: BTreeSet<(ConversationId, UserId)>,
    /// Messages by id; ids from other conversations are harmless.
    pub messages: BTreeSet<MessageId>,
    /// Messages that a user acts upon; the user may block their authors.
    pub seen: BTreeSet<(ConversationId, UserId, MessageId)>,
    /// Messages by their sender's client id.
    pub sends: BTreeSet<(ConversationId, UserId, ClientId)>,
    /// Writers; in a direct conversation the other user may block them.
    pub writes: BTreeSet<(ConversationId, UserId)>,
    pub invites: BTreeSet<InviteCode>,
    /// Users who are added to a group, each with the user who adds them.
    pub additions: BTreeSet<(UserId, UserId)>,
}

impl Needs {
    /// Returns the needs of these intents, except [`crate::Facts::add_makers`] and
    /// [`crate::Facts::blocks_to_load`].
    #[must_use]
    pub fn of(intents: &[Intent]) -> Self {
        let mut needs = Self::default();
        for intent in intents {
            needs.add(intent);
        }
        needs
    }

    fn add(&mut self, Intent { conversation, actor, action }: &Intent) {
        let (conversation, actor) = (*conversation, *actor);
        self.conversations.insert(conversation);
        self.add_user(conversation, actor);
        if let Some(message) = action.message() {
            self.messages.insert(message);
            self.seen.insert((conversation, actor, message));
        }
        match action {
            Action::Send { client_id, body, marked_edited: _, reply_to: _ } => {
                self.sends.insert((conversation, actor, *client_id));
                self.writes.insert((conversation, actor));
                self.add_names(conversation, body);
            }
            Action::Edit { message: _, body, expected: _ } => {
                self.writes.insert((conversation, actor));
                if let Some(body) = body {
                    self.add_names(conversation, body);
                }
            }
            Action::React { message: _, emoji: _, present: _ }
            | Action::Pin { message: _, pinned: _ } => {
                self.writes.insert((conversation, actor));
            }
            Action::Join { invite } => {
                self.invites.insert(*invite);
            }
            Action::Add { user, role: _ } => {
                self.add_user(conversation, *user);
                self.additions.insert((*user, actor));
            }
            Action::Remove { user } | Action::Ban { user } | Action::SetRole { user, role: _ } => {
                self.add_user(conversation, *user);
                self.owner_counts.insert(conversation);
            }
            Action::Leave => {
                self.owner_counts.insert(conversation);
            }
            Action::StepDown { successor: user }
            | Action::Unban { user }
            | Action::Silence { user, until: _ }
            | Action::Unreact { message: _, user, emoji: _ } => self.add_user(conversation, *user),
            Action::Delete { message: _, expected: _ }
            | Action::Accept
            | Action::Decline
            | Action::SetDetails { title: _, topic: _, history: _ }
            | Action::DeleteConversation => {}
        }
    }

    /// Adds an account and its member row, which are loaded together.
    pub(super) fn add_user(&mut self, conversation: ConversationId, user: UserId) {
        self.accounts.insert(user);
        self.members.insert((conversation, user));
    }

    fn add_names(&mut self, conversation: ConversationId, body: &MessageBody) {
        let names = mention::calls(body.as_str()).into_iter().flat_map(|call| call.names);
        self.names.extend(names.map(|name| (conversation, name.key())));
    }
}
