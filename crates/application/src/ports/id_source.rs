use domain::{ClientId, InviteCode, SessionId};

/// Generates unguessable identifiers.
pub trait IdSource: Send + Sync {
    /// For sends without a client id.
    fn client_id(&self) -> ClientId;

    fn session(&self) -> SessionId;

    /// The random half of a token's `jti`.
    fn token(&self) -> u64;

    /// 128 random bits.
    fn invite_code(&self) -> InviteCode;
}
