//! Invitations.

use diesel::prelude::{Insertable, Queryable, Selectable};
use domain::{ConversationId, Invite, InviteCode, Role, Timestamp, UserId};

use crate::failure::CorruptRow;
use crate::schema::invites;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = invites)]
pub(crate) struct InviteRow {
    code: Vec<u8>,
    conversation_id: i64,
    created_by: i64,
    created_at: i64,
    role: String,
    expires_at: Option<i64>,
    max_uses: Option<i64>,
    uses: i64,
    revoked: bool,
}

pub(crate) fn code_bytes(code: InviteCode) -> [u8; 16] {
    code.get().to_be_bytes()
}

impl From<&Invite> for InviteRow {
    fn from(invite: &Invite) -> Self {
        Self {
            code: code_bytes(invite.code).to_vec(),
            conversation_id: invite.conversation.get(),
            created_by: invite.created_by.get(),
            created_at: invite.created_at.micros(),
            role: invite.role.as_str().to_owned(),
            expires_at: invite.expires_at.map(Timestamp::micros),
            max_uses: invite.max_uses.map(i64::from),
            uses: invite.uses.into(),
            revoked: invite.revoked,
        }
    }
}

impl TryFrom<InviteRow> for Invite {
    type Error = CorruptRow;

    fn try_from(row: InviteRow) -> Result<Self, CorruptRow> {
        // The code itself is a secret.
        let id = format!("of conversation {}", row.conversation_id);
        let corrupt = |reason| CorruptRow { table: "invites", id: id.clone(), reason };
        let code = <[u8; 16]>::try_from(row.code.as_slice()).map_err(|_| corrupt("code"))?;
        let count = |raw: i64, reason| u32::try_from(raw).map_err(|_| corrupt(reason));
        Ok(Self {
            code: InviteCode::new(u128::from_be_bytes(code)),
            conversation: ConversationId::new(row.conversation_id),
            created_by: UserId::new(row.created_by),
            created_at: Timestamp::from_micros(row.created_at),
            role: Role::parse(&row.role).ok_or_else(|| corrupt("role"))?,
            expires_at: row.expires_at.map(Timestamp::from_micros),
            max_uses: row.max_uses.map(|raw| count(raw, "max_uses")).transpose()?,
            uses: count(row.uses, "uses")?,
            revoked: row.revoked,
        })
    }
}
