//! What has to be known before a batch can be judged.

use std::collections::BTreeSet;

use crate::{
    Action, ClientId, ConversationId, Intent, InviteCode, MessageId, UserId, Username, mention,
};

/// What has to be loaded before a batch of intents can be judged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Conversations with their heads; to be locked in this order.
    pub conversations: BTreeSet<ConversationId>,
    /// Conversations whose active owners have to be counted.
    pub owner_counts: BTreeSet<ConversationId>,
    /// Accounts that act or are acted upon.
    pub accounts: BTreeSet<UserId>,
    /// Accounts that messages may call by these names, with their members.
    pub names: BTreeSet<(ConversationId, Username)>,
    /// Members, where there is a row.
    pub members: BTreeSet<(ConversationId, UserId)>,
    /// Messages by id; those of other conversations do no harm.
    pub messages: BTreeSet<MessageId>,
    /// Messages by what their senders call them.
    pub sends: BTreeSet<(ConversationId, UserId, ClientId)>,
    /// Who writes where: of two, the other may block it.
    pub writes: BTreeSet<(ConversationId, UserId)>,
    /// Invitations.
    pub invites: BTreeSet<InviteCode>,
    /// Whether the first blocks the second; beside [`crate::Facts::blocks_to_ask`].
    pub blocks: BTreeSet<(UserId, UserId)>,
}

impl Needs {
    /// Of these intents. What they need beside this: [`crate::Facts::blocks_to_ask`].
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
        for user in [Some(actor), action.target()].into_iter().flatten() {
            self.accounts.insert(user);
            self.members.insert((conversation, user));
        }
        self.messages.extend(action.message());
        if let Some(body) = action.body() {
            let names = mention::calls(body.as_str()).into_iter().flat_map(|call| call.names);
            self.names.extend(names.map(|name| (conversation, name)));
        }
        match action {
            Action::Send { client_id, .. } => {
                self.sends.insert((conversation, actor, *client_id));
                self.writes.insert((conversation, actor));
            }
            Action::Join { invite } => {
                self.invites.insert(*invite);
            }
            Action::Add { user, .. } => {
                self.blocks.insert((*user, actor));
            }
            Action::Edit { .. } | Action::React { .. } | Action::Pin { .. } => {
                self.writes.insert((conversation, actor));
            }
            Action::Leave | Action::Remove { .. } | Action::SetRole { .. } | Action::Ban { .. } => {
                self.owner_counts.insert(conversation);
            }
            _ => {}
        }
    }
}
