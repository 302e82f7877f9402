use std::sync::Arc;

use super::Facts;
use crate::{
    AuditEntry, Conversation, ConversationId, Head, Invite, Member, Message, MsgNo, UserId,
};

/// The rows that a batch must write, each once in its final form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Writes {
    pub heads: Vec<Head>,
    pub conversations: Vec<Arc<Conversation>>,
    /// New messages, ascending by id.
    pub created: Vec<Arc<Message>>,
    pub updated: Vec<Arc<Message>>,
    /// Member rows to insert or replace.
    pub members: Vec<Member>,
    /// Read markers to move at least this far; their members have rows.
    pub markers: Vec<(ConversationId, UserId, MsgNo)>,
    /// Invitations with a changed use count.
    pub invites: Vec<Invite>,
    pub audits: Vec<AuditEntry>,
}

impl Facts {
    /// Returns the rows to write now.
    #[must_use]
    pub fn writes(&self) -> Writes {
        let used = self.used_invites.iter().filter_map(|code| self.invites.get(code));
        let mut writes = Writes {
            invites: used.copied().collect(),
            audits: self.audits.clone(),
            ..Writes::default()
        };
        for facts in self.conversations.values() {
            let message = |id| facts.messages.get(id).cloned();
            writes.created.extend(facts.created.iter().filter_map(message));
            writes.updated.extend(facts.updated.iter().filter_map(message));
            let members = facts.changed_members.iter();
            writes.members.extend(members.filter_map(|user| facts.members.get(user)).cloned());
            let id = facts.conversation.id;
            writes.markers.extend(facts.markers.iter().map(|(user, no)| (id, *user, *no)));
            if facts.is_altered {
                writes.conversations.push(Arc::clone(&facts.conversation));
            }
            if facts.is_moved {
                writes.heads.push(facts.head);
            }
        }
        writes.created.sort_by_key(|message| message.id);
        writes.members.sort_by_key(|member| (member.conversation, member.user));
        writes.markers.sort_unstable();
        writes
    }
}
