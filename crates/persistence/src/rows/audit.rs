//! The audit log.

use application::ports::AuditId;
use diesel::prelude::{Insertable, Queryable, Selectable};
use domain::{AuditEntry, AuditedAction, ConversationId, MessageId, Timestamp, UserId};

use crate::failure::CorruptRow;
use crate::schema::audit_log;

#[derive(Queryable, Selectable)]
#[diesel(table_name = audit_log)]
pub(crate) struct AuditRow {
    id: i64,
    at: i64,
    actor_id: i64,
    conversation_id: i64,
    act: String,
    user_id: Option<i64>,
    message_id: Option<i64>,
    until: Option<i64>,
}

impl TryFrom<AuditRow> for (AuditId, AuditEntry) {
    type Error = CorruptRow;

    fn try_from(row: AuditRow) -> Result<Self, CorruptRow> {
        let user = row.user_id.map(UserId::new);
        let message = row.message_id.map(MessageId::new);
        let act = match (row.act.as_str(), user, message) {
            ("delete_message", _, Some(message)) => AuditedAction::DeleteMessage(message),
            ("unreact", Some(user), Some(message)) => AuditedAction::Unreact(message, user),
            ("ban", Some(user), _) => AuditedAction::Ban(user),
            ("unban", Some(user), _) => AuditedAction::Unban(user),
            ("silence", Some(user), _) => {
                AuditedAction::Silence(user, row.until.map(Timestamp::from_micros))
            }
            ("assign_owner", Some(user), _) => AuditedAction::AssignOwner(user),
            _ => {
                let id = row.id.to_string();
                return Err(CorruptRow { table: "audit_log", id, reason: "act" });
            }
        };
        let entry = AuditEntry {
            at: Timestamp::from_micros(row.at),
            actor: UserId::new(row.actor_id),
            conversation: ConversationId::new(row.conversation_id),
            act,
        };
        Ok((AuditId(row.id), entry))
    }
}

#[derive(Insertable)]
#[diesel(table_name = audit_log)]
pub(crate) struct NewAuditRow {
    at: i64,
    actor_id: i64,
    conversation_id: i64,
    act: &'static str,
    user_id: Option<i64>,
    message_id: Option<i64>,
    until: Option<i64>,
}

impl From<&AuditEntry> for NewAuditRow {
    fn from(entry: &AuditEntry) -> Self {
        let (act, user, message, until) = match entry.act {
            AuditedAction::DeleteMessage(message) => ("delete_message", None, Some(message), None),
            AuditedAction::Unreact(message, user) => ("unreact", Some(user), Some(message), None),
            AuditedAction::Ban(user) => ("ban", Some(user), None, None),
            AuditedAction::Unban(user) => ("unban", Some(user), None, None),
            AuditedAction::Silence(user, until) => ("silence", Some(user), None, until),
            AuditedAction::AssignOwner(user) => ("assign_owner", Some(user), None, None),
        };
        Self {
            at: entry.at.micros(),
            actor_id: entry.actor.get(),
            conversation_id: entry.conversation.get(),
            act,
            user_id: user.map(UserId::get),
            message_id: message.map(MessageId::get),
            until: until.map(Timestamp::micros),
        }
    }
}
