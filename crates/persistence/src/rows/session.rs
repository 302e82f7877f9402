//! Sessions and their refresh tokens.

use application::ports::ActiveSession;
use diesel::prelude::{AsChangeset, Insertable, Queryable, Selectable};
use domain::{RefreshToken, Session, SessionId, Timestamp, TokenId, UserId};

use crate::failure::CorruptRow;
use crate::schema::sessions;

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = sessions, primary_key(session_id))]
pub(crate) struct SessionRow {
    session_id: i64,
    user_id: i64,
    token_id: String,
    issued_at: i64,
    expires_at: i64,
    revoked: bool,
    forget_at: i64,
    opened_at: i64,
}

impl From<&Session> for SessionRow {
    fn from(session: &Session) -> Self {
        Self {
            session_id: session_number(session.id),
            user_id: session.user.get(),
            token_id: session.current.id.as_str().to_owned(),
            issued_at: session.current.issued_at.micros(),
            expires_at: session.current.expires_at.micros(),
            revoked: session.revoked,
            forget_at: session.forget_at.micros(),
            opened_at: session.opened_at.micros(),
        }
    }
}

impl SessionRow {
    /// `rotated` are its rows `(token_id, rotated_at)`.
    pub(crate) fn parse(self, rotated: Vec<(String, i64)>) -> Result<Session, CorruptRow> {
        let token_id = |raw: &str| {
            TokenId::parse(raw).ok_or_else(|| CorruptRow {
                table: "sessions",
                id: self.session_id.to_string(),
                reason: "token_id",
            })
        };
        let rotated = rotated
            .into_iter()
            .map(|(id, at)| Ok((token_id(&id)?, Timestamp::from_micros(at))))
            .collect::<Result<Vec<_>, CorruptRow>>()?;
        Ok(Session {
            id: session_id(self.session_id),
            user: UserId::new(self.user_id),
            current: RefreshToken {
                id: token_id(&self.token_id)?,
                issued_at: Timestamp::from_micros(self.issued_at),
                expires_at: Timestamp::from_micros(self.expires_at),
            },
            rotated,
            revoked: self.revoked,
            opened_at: Timestamp::from_micros(self.opened_at),
            forget_at: Timestamp::from_micros(self.forget_at),
        })
    }
}

/// An entry in the list of a user's sessions.
#[derive(Queryable, Selectable)]
#[diesel(table_name = sessions)]
pub(crate) struct ActiveSessionRow {
    session_id: i64,
    opened_at: i64,
    issued_at: i64,
    expires_at: i64,
}

impl From<ActiveSessionRow> for ActiveSession {
    fn from(row: ActiveSessionRow) -> Self {
        Self {
            session: session_id(row.session_id),
            opened_at: Timestamp::from_micros(row.opened_at),
            used_at: Timestamp::from_micros(row.issued_at),
            expires_at: Timestamp::from_micros(row.expires_at),
        }
    }
}

/// The stored form of a session id: its 64 bits as a signed number.
pub(crate) fn session_number(session: SessionId) -> i64 {
    session.get().cast_signed()
}

pub(crate) fn session_id(number: i64) -> SessionId {
    SessionId::new(number.cast_unsigned())
}
